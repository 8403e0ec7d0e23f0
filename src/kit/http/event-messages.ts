/**
 * The messages of a stream of server-sent events, for the verbs of the terminal that follow a server. Reading the format
 * is eventsource-parser's. Source: WHATWG HTML, section 9.2.
 */
import { createParser, type EventSourceMessage } from "eventsource-parser";

/** Messages as they come, each with its `event`, `id` and `data`; ends with the stream, and throws what reading it throws. */
export async function* eventMessages(body: ReadableStream<Uint8Array>): AsyncGenerator<EventSourceMessage> {
  const ready: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => ready.push(message) });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* ready.splice(0);
  }
}
