/** How others speak with Fitor: over a fetch, in the same program or across the network. */
import { z } from "zod";

import { isPageElsewhere, wrongAddress } from "../../kit/http/wrong-address.ts";

/** The way to Fitor. */
export interface FitorWay {
  /** Where its routes begin, without a slash at the end. */
  baseUrl: string;
  /** @default none */
  token?: string | undefined;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const lineShape = z.object({
  id: z.number(),
  room: z.string(),
  at: z.number(),
  kind: z.string(),
  nick: z.string(),
  text: z.string(),
  origin: z.string(),
});
const linesShape = z.object({ lines: z.array(lineShape) });
const statusShape = z.object({
  networks: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      reason: z.string(),
      channels: z.array(z.object({ name: z.string(), isIn: z.boolean() })),
    }),
  ),
});

/** What was taken; nothing of it is read, but others would not answer so. */
const saidShape = z.object({ outcome: z.string() });
const connectShape = z.object({ network: z.string(), state: z.string() });
const problemShape = z.object({ detail: z.string(), code: z.string().default("") });

/** A line as it is kept; `at` is epoch ms. */
export type FitorLine = z.infer<typeof lineShape>;

/** An answer of Fitor that is none; the message has its words. */
export class FitorRefusal extends Error {
  readonly status: number;

  constructor(status: number, words: string) {
    super(words === "" ? `Fitor answered ${status}` : words);
    this.status = status;
  }
}

/** A client. Methods throw {@link FitorRefusal}, and what fetch throws. */
export class FitorClient {
  readonly #way: FitorWay;

  constructor(way: FitorWay) {
    this.#way = way;
  }

  /** Rooms, as `network/#channel`, in the order of the configuration. */
  async rooms(): Promise<string[]> {
    const { networks } = await this.#ask("/status.json", statusShape);
    return networks.flatMap(({ channels, name }) => channels.map((channel) => `${name}/${channel.name}`));
  }

  /** Says something in a room. A name can be chosen only where there are no tokens. */
  async say(room: string, text: string, nick?: string): Promise<void> {
    const at = room.indexOf("/");
    const [network, channel] = [room.slice(0, at), room.slice(at + 1)].map(encodeURIComponent);
    const body = new URLSearchParams({ text, ...(nick === undefined ? {} : { nick }) });
    await this.#ask(`/room/${network}/${channel}/say`, saidShape, { method: "POST", body });
  }

  /** The newest lines of a room, or what has all the words; oldest first. */
  async log(query: { room?: string; search?: string; limit: number }): Promise<FitorLine[]> {
    const words = new URLSearchParams({ limit: String(query.limit) });
    if (query.room !== undefined) words.set("room", query.room);
    if (query.search !== undefined) words.set("search", query.search);
    return (await this.#ask(`/log.json?${words}`, linesShape)).lines;
  }

  /** Connects to a network, also where it had sent us away. */
  async connect(network: string): Promise<void> {
    await this.#ask(`/network/${encodeURIComponent(network)}/connect`, connectShape, { method: "POST" });
  }

  async #ask<T>(path: string, shape: z.ZodType<T>, init: RequestInit = {}): Promise<T> {
    const { baseUrl, fetch, token } = this.#way;
    const headers = new Headers(init.headers);
    headers.set("Accept", "application/json");
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    const answer = await fetch(`${baseUrl}${path}`, { ...init, headers });
    const text = await answer.text();
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
    }
    const read = answer.ok ? shape.safeParse(body) : undefined;
    if (read?.success) return read.data;
    const told = problemShape.safeParse(body).data;
    if (!answer.ok && told !== undefined && !isPageElsewhere("fitor", told.code))
      throw new FitorRefusal(answer.status, told.detail);
    throw new FitorRefusal(answer.status, wrongAddress("fitor", "Fitor", baseUrl, answer.status));
  }
}
