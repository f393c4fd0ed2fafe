// What a program of the openai package for JavaScript sees of a server; its findings are one JSON document on stdout.
// node openai_package.mjs FOLDER_WITH_NODE_MODULES BASE_URL
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, baseURL] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(folder, "index.js")));
const { default: OpenAI, NotFoundError, BadRequestError } = require("openai");

const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const model = "helix-demo";
const question = [{ role: "user", content: "What is speculative decoding?" }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the weather in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const asked = { model, temperature: 0, max_tokens: 80 };

async function classOf(promise) {
  try {
    await promise;
    return "no error";
  } catch (error) {
    const kind = [NotFoundError, BadRequestError].find((one) => error instanceof one);
    return `${kind?.name} ${error.code} ${error.param}`;
  }
}

async function streamed() {
  const stream = client.chat.completions.stream({
    ...asked,
    messages: question,
    stream_options: { include_usage: true },
  });
  let pieces = 0;
  for await (const _ of stream) pieces += 1;
  return { text: await stream.finalContent(), pieces, usage: await stream.totalUsage() };
}

async function withTool() {
  const cities = [];
  const runner = client.chat.completions.runTools({
    ...asked,
    messages: [{ role: "user", content: "What is the weather in Vienna?" }],
    tools: [
      {
        type: "function",
        function: {
          ...weather.function,
          parse: JSON.parse,
          function: ({ city }) => {
            cities.push(city);
            return JSON.stringify({ condition: "sunny", temperature: 21 });
          },
        },
      },
    ],
  });
  return { cities, text: await runner.finalContent() };
}

async function responses() {
  const request = { model, temperature: 0, max_output_tokens: 80, input: question[0].content };
  const whole = await client.responses.create(request);
  const stream = client.responses.stream(request);
  const types = new Set();
  for await (const event of stream) types.add(event.type);
  return {
    text: whole.output_text,
    streamed: (await stream.finalResponse()).output_text,
    types: [...types],
  };
}

async function embeddings() {
  const input = ["One", "Two"];
  const packed = await client.embeddings.create({ model, input });
  const plain = await client.embeddings.create({ model, input, encoding_format: "float" });
  const differences = packed.data.flatMap(({ embedding }, i) =>
    embedding.map((value, j) => Math.abs(value - plain.data[i].embedding[j])),
  );
  return { length: packed.data[0].embedding.length, difference: Math.max(...differences) };
}

const whole = await client.chat.completions.create({ ...asked, messages: question });
const call = await client.chat.completions.create({
  ...asked,
  messages: [{ role: "user", content: "What is the weather in Vienna?" }],
  tools: [weather],
  tool_choice: "required",
  parallel_tool_calls: false,
});
const models = [];
for await (const one of client.models.list()) models.push(one.id);

console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    request_id: whole._request_id,
    streamed: await streamed(),
    call: call.choices[0].message.tool_calls[0].function,
    with_tool: await withTool(),
    completion: (await client.completions.create({ model, prompt: "One two", max_tokens: 4 })).choices[0].finish_reason,
    responses: await responses(),
    embeddings: await embeddings(),
    models,
    unknown_model: await classOf(client.chat.completions.create({ model: "gpt-99", messages: question })),
    bad_field: await classOf(client.chat.completions.create({ ...asked, messages: question, temperature: 9 })),
  }),
);
