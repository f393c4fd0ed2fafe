// Prompts that show something at once, also on the small built-in model.

const CONFIG = `\`\`\`ini
[service]
path = /var/log
cache = true
color = blue
port = 8000
workers = 4
level = error
\`\`\``;

const PERSON = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" }, city: { type: "string" } },
  required: ["name", "age", "city"],
  additionalProperties: false,
};

const WEATHER = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "Get the weather in a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

/** Each one: a name, a prompt, and the settings it needs besides the plain ones. */
export const EXAMPLES = [
  { name: "A story", prompt: "Tell me a short story about a fox named Mira in the forest." },
  { name: "A question", prompt: "What is speculative decoding?" },
  {
    name: "An edit, with a prediction",
    prompt: `Can you change level to warning here:\n${CONFIG}`,
    settings: { prediction: CONFIG },
  },
  {
    name: "JSON by schema",
    prompt: "Extract the name, age and city as JSON: Anna is 31 years old and lives in Graz.",
    settings: { format: "json_schema", schema: JSON.stringify(PERSON, null, 2) },
  },
  {
    name: "A tool call",
    prompt: "What is the weather in Vienna?",
    settings: { tools: JSON.stringify(WEATHER, null, 2) },
  },
];
