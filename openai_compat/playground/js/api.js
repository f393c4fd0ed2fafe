// Talks to the server: the key, requests, streams of chunks, and the same request as a program.

let key = "";

/** Keep the key in memory alone: it is gone with the page. */
export function setKey(value) {
  key = value.trim();
}

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // no envelope: the status line has to do
  }
  throw new ApiError(response.status, message);
}

/** Return the engine's state between two of its steps. */
export async function engineState() {
  return (await request("/helix/state")).json();
}

/** Return the name under which the server answers. */
export async function servedModel() {
  return (await (await request("/v1/models")).json()).data[0].id;
}

function post(body, signal) {
  return request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

/** Return a whole answer. */
export async function chat(body, signal) {
  return (await post(body, signal)).json();
}

/** Yield the chunks of a streamed answer; aborting the signal closes the connection, and the engine stops. */
export async function* streamChat(body, signal) {
  const response = await post({ ...body, stream: true, stream_options: { include_usage: true } }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const frames = (pending + value).split("\n\n");
    pending = frames.pop();
    for (const frame of frames) {
      if (!frame.startsWith("data: ")) continue;
      const data = frame.slice(6);
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(500, chunk.error.message);
      yield chunk;
    }
  }
}

const OWN_FIELDS = ["speculation", "top_k", "min_p", "repetition_penalty", "speculation_trace"];

/** Return a request as a shell command or a program, with the key left to the environment. */
export function asProgram(language, body) {
  const origin = location.origin;
  const json = (value) => JSON.stringify(value, null, 2);
  if (language === "curl") {
    const quoted = json({ ...body, stream: true }).replaceAll("'", "'\\''");
    return `curl -N ${origin}/v1/chat/completions \\
  -H 'Content-Type: application/json' \\
  -H "Authorization: Bearer $HELIX_API_KEY" \\
  -d '${quoted}'
`;
  }
  if (language === "JavaScript") {
    return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.HELIX_API_KEY ?? "none" });
const stream = await client.chat.completions.create(${json({ ...body, stream: true })});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
`;
  }
  const own = Object.fromEntries(Object.entries(body).filter(([name]) => OWN_FIELDS.includes(name)));
  const theirs = Object.entries(body).filter(([name]) => !OWN_FIELDS.includes(name));
  const lines = theirs.map(([name, value]) => `    ${name}=${python(value, 1)},`);
  if (Object.keys(own).length) lines.push(`    extra_body=${python(own, 1)},`);
  return `import os

from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=os.environ.get("HELIX_API_KEY", "none"))
stream = client.chat.completions.create(
${lines.join("\n")}
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
`;
}

function python(value, depth) {
  const inner = "    ".repeat(depth + 1);
  const close = "    ".repeat(depth);
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) {
    if (!value.length) return "[]";
    return `[\n${value.map((one) => `${inner}${python(one, depth + 1)},\n`).join("")}${close}]`;
  }
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${python(one, depth + 1)}`);
    return entries.length < 2 ? `{${entries}}` : `{\n${entries.map((one) => `${inner}${one},\n`).join("")}${close}}`;
  }
  return JSON.stringify(value);
}
