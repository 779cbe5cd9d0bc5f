/** A message of server-sent events. */
export interface Message {
  event: string;
  data: string;
  id?: string;
}

/**
 * messages reads server-sent events until the body ends. alive is called whenever something arrives,
 * also a comment.
 */
export async function* messages(body: ReadableStream<Uint8Array>, alive: () => void): AsyncGenerator<Message> {
  let fields: Partial<Message> = {};
  for await (const line of lines(body, alive)) {
    if (line === "") {
      if (fields.data !== undefined) yield { event: fields.event ?? "message", data: fields.data, ...(fields.id === undefined ? {} : { id: fields.id }) };
      fields = {};
      continue;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "event" && value !== undefined) fields.event = value;
    else if (name === "id" && value !== undefined) fields.id = value;
    else if (name === "data") fields.data = fields.data === undefined ? value ?? "" : `${fields.data}\n${value}`;
  }
}

async function* lines(body: ReadableStream<Uint8Array>, alive: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    alive();
    rest += decoder.decode(chunk, { stream: true });
    const all = rest.split(/\r\n|\n/);
    rest = all.pop() ?? "";
    yield* all;
  }
}
