// node ollama.mjs CALL URL REQUEST: one call of Ollama's package for JavaScript; what came of it is printed as JSON.
import { Ollama } from "ollama";

const [call, url, request] = process.argv.slice(2);
const client = new Ollama({ host: url });
const body = JSON.parse(request);

const calls = {
  async chat() {
    const whole = await client.chat(body);
    let streamed = "";
    for await (const part of await client.chat({ ...body, stream: true })) streamed += part.message.content;
    return { whole: whole.message.content, streamed };
  },
  async generate() {
    let streamed = "";
    for await (const part of await client.generate({ ...body, stream: true })) streamed += part.response;
    return { whole: (await client.generate(body)).response, streamed };
  },
  async embed() {
    return (await client.embed(body)).embeddings;
  },
  async models() {
    const names = (await client.list()).models.map((model) => model.name);
    const shown = await client.show(body);
    return { names, format: shown.details.format, running: (await client.ps()).models.length };
  },
};

console.log(JSON.stringify(await calls[call]()));
