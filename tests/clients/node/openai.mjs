// node openai.mjs CALL URL REQUEST: one call of OpenAI's package for Node; what came of it is printed as JSON.
import OpenAI from "openai";

const [call, url, request] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "unused", maxRetries: 0 });
const body = JSON.parse(request);

const calls = {
  async chat() {
    const whole = await client.chat.completions.create(body);
    let streamed = "";
    let usage;
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } })) {
      streamed += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    return { whole: whole.choices[0].message.content, streamed, usage };
  },
  // Its helper, which gathers the pieces of calls by itself.
  async tools() {
    const stream = client.chat.completions.stream(body);
    const message = await stream.finalMessage();
    return message.tool_calls.map((one) => one.function);
  },
  async parse() {
    return (await client.chat.completions.parse(body)).choices[0].message.parsed;
  },
  async responses() {
    const whole = await client.responses.create(body);
    let streamed = "";
    for await (const event of await client.responses.create({ ...body, stream: true })) {
      if (event.type === "response.output_text.delta") streamed += event.delta;
    }
    return { whole: whole.output_text, streamed, usage: whole.usage };
  },
  async embeddings() {
    const rows = async (more) => (await client.embeddings.create({ ...body, ...more })).data.map((row) => row.embedding);
    return [await rows({}), await rows({ encoding_format: "float" })];
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    const refused = await client.chat.completions.create({ ...body, model: "gpt-9" }).catch((error) => error);
    return { ids, error: refused.constructor.name, status: refused.status };
  },
  // Leaves after the first piece; the server must go on as if nobody had been there.
  async abort() {
    const stream = await client.chat.completions.create({ ...body, stream: true });
    for await (const _ of stream) {
      stream.controller.abort();
      break;
    }
    return (await client.chat.completions.create({ ...body, max_tokens: 1 })).choices.length;
  },
};

console.log(JSON.stringify(await calls[call]()));
