/**
 * A client of Windsock's API for back ends, with a token of the node: what the verbs of the terminal stand on. Each call is
 * `POST <base>/api/<verb>`; the tap is a stream of events. Answers are checked only for what is used.
 */
import { z } from "zod";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { eventMessages } from "../../kit/http/event-messages.ts";

/** Where the API is, and how it is reached. */
export interface ApiClientOptions {
  /** Where Windsock's routes begin, without a trailing slash. */
  baseUrl: string;
  /** A token of the node. */
  token: string | undefined;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const publication = z.object({ address: z.string(), content: z.string(), position: z.string(), at: z.number() });
/** What was published. */
export type SeenPublication = z.infer<typeof publication>;

const connection = z.object({
  connection: z.string(),
  user: z.string(),
  address: z.string(),
  transport: z.string(),
  since: z.number(),
  topics: z.array(z.string()),
});
/** Somebody who is connected by one of the newer doors; `since` is epoch ms. */
export type SeenConnection = z.infer<typeof connection>;

/** What the tap tells: a publication, or how many came too fast to be shown. */
export type Tapped = { publication: SeenPublication } | { skipped: number };

/** Calls the API. */
export class ApiClient {
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /** Publishes; its position. Faults of the server, by their code; `windsock/no-server` when there is none. */
  async publish(address: string, content: string): Promise<string> {
    return (await this.#call("publish", { address, content }, z.object({ position: z.string() }))).position;
  }

  /** The newest publications of a topic, oldest first. */
  async history(topic: string, limit: number): Promise<SeenPublication[]> {
    const shape = z.object({ publications: z.array(publication) });
    return (await this.#call("history", { topic, limit }, shape)).publications;
  }

  /** Who is connected, or where only one user counts, that one. */
  async connections(limit: number, user?: string): Promise<SeenConnection[]> {
    const shape = z.object({ connections: z.array(connection) });
    return (await this.#call("connections", { limit, ...(user === undefined ? {} : { user }) }, shape)).connections;
  }

  /** Ends connections of a user, or one. */
  async disconnect(who: { user: string } | { connection: string }, reason: string): Promise<void> {
    await this.#call("disconnect", { ...who, reason }, z.object({}));
  }

  /** Calls the tokens of a user back, or one token by its salt or `jti`, and ends what was let in by them. */
  async revoke(what: { user: string } | { token: string }, seconds?: number): Promise<void> {
    await this.#call("revoke", { ...what, ...(seconds === undefined ? {} : { seconds }) }, z.object({}));
  }

  /** Everything that is published below a topic while it is read. */
  async *tap(topic: string): AsyncGenerator<Tapped> {
    const answer = await this.#fetch(`/tap/stream?topic=${encodeURIComponent(topic)}`, {});
    if (!answer.body) throw new Fault("unavailable", "windsock/tap", "Cannot follow: the server sent no stream");
    for await (const { data, event } of eventMessages(answer.body)) {
      if (event === "skipped") yield { skipped: Number(data) };
      else if (event === "message") yield { publication: publication.parse(JSON.parse(data)) };
    }
  }

  async #call<T>(verb: string, input: object, shape: z.ZodType<T>): Promise<T> {
    const answer = await this.#fetch(`/api/${verb}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(input),
    });
    const parsed = shape.safeParse(await answer.json().catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw new Fault("unavailable", "windsock/answer", `Cannot ${verb}: ${this.#options.baseUrl} is no Windsock`);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { baseUrl, fetch, token } = this.#options;
    const headers = { ...init.headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
    let answer: Response;
    try {
      answer = await fetch(`${baseUrl}${path}`, { ...init, headers });
    } catch (thrown) {
      throw new Fault("unavailable", "windsock/no-server", `Cannot reach ${baseUrl}: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    }
    if (answer.ok) return answer;
    throw refusalOf(answer.status, await answer.text().catch(() => ""));
  }
}

const refusal = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** The server's own words where it gave any. */
function refusalOf(status: number, text: string): Fault {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const said = refusal.safeParse(body);
  return said.success
    ? new Fault("invalid", said.data.error.code, said.data.error.message)
    : new Fault("unavailable", "windsock/answer", `Cannot do that: the server answered ${status}`);
}
