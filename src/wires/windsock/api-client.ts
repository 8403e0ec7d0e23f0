/**
 * A client of Windsock's API for back ends, with a token of the node: what the verbs of the terminal stand on. Each call is
 * `POST <base>/api/<verb>`; the tap is a stream of events. Answers are checked only for what is used.
 */
import { z } from "zod";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { eventMessages } from "../../kit/http/event-messages.ts";
import { isUnsent } from "../../kit/http/unsent.ts";
import { ownProblem, wrongAddress } from "../../kit/http/wrong-address.ts";
import type { Ended } from "./hub.ts";

/** Where the API is, and how it is reached. */
export interface ApiClientOptions {
  /** Where Windsock's routes begin; where several are named, the next is asked when one cannot be reached. */
  baseUrls: readonly string[];
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
  readonly #baseUrls: readonly string[];

  constructor(options: ApiClientOptions) {
    this.#options = options;
    this.#baseUrls = options.baseUrls.map((url) => url.replace(/\/+$/, ""));
  }

  /** Publishes; its position. Faults of the server, by their code; `windsock/no-server` when there is none. */
  async publish(address: string, content: string): Promise<string> {
    return (await this.#call("publish", { address, content }, z.object({ position: z.string() }))).position;
  }

  /** The newest publications of a topic, at most 1000, oldest first; `more` where older ones found no room. */
  async history(topic: string, limit: number): Promise<{ publications: SeenPublication[]; more: boolean }> {
    const shape = z.object({ publications: z.array(publication), more: z.boolean().default(false) });
    return this.#call("history", { topic, limit }, shape);
  }

  /** Who is connected, or where only one user counts, that one. */
  async connections(limit: number, user?: string): Promise<SeenConnection[]> {
    const shape = z.object({ connections: z.array(connection) });
    return (await this.#call("connections", { limit, ...(user === undefined ? {} : { user }) }, shape)).connections;
  }

  /** Ends connections of a user, or one: how many at the node that was asked, and whether it told others. */
  async disconnect(who: { user: string } | { connection: string }, reason: string): Promise<Ended> {
    return this.#call("disconnect", { ...who, reason }, z.object({ ended: z.int(), elsewhere: z.boolean() }));
  }

  /** Calls the tokens of a user back, or one token by its salt or `jti`, and ends what was let in by them. */
  async revoke(what: { user: string } | { token: string }, seconds?: number): Promise<void> {
    await this.#call("revoke", { ...what, ...(seconds === undefined ? {} : { seconds }) }, z.object({}));
  }

  /** Everything that is published below a topic while it is read. Fault `windsock/tap` when the server ends it. */
  async *tap(topic: string): AsyncGenerator<Tapped> {
    const answer = await this.#fetch(`/tap/stream?topic=${encodeURIComponent(topic)}`, {});
    if (!answer.body) throw new Fault("unavailable", "windsock/tap", "Cannot follow: the server sent no stream");
    try {
      for await (const { data, event } of eventMessages(answer.body)) {
        if (event === "skipped") yield { skipped: Number(data) };
        else if (event === "message") yield { publication: publication.parse(JSON.parse(data)) };
      }
    } catch (thrown) {
      if (thrown instanceof z.ZodError || thrown instanceof SyntaxError) throw noWindsock(answer.url, answer.status);
      throw new Fault("unavailable", "windsock/tap", "Cannot follow any longer: the connection was lost", {
        cause: thrown,
      });
    }
    throw new Fault("unavailable", "windsock/tap", "Cannot follow any longer: the server ended it");
  }

  async #call<T>(verb: string, input: object, shape: z.ZodType<T>): Promise<T> {
    const answer = await this.#fetch(`/api/${verb}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(input),
    });
    const parsed = shape.safeParse(await answer.json().catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw noWindsock(answer.url, answer.status);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { fetch, token } = this.#options;
    // The node's own refusals have a form that is read here only where it is asked for.
    const accept = { Accept: "application/json, text/event-stream" };
    const headers = {
      ...accept,
      ...init.headers,
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    };
    let failure: Fault | undefined;
    for (const baseUrl of this.#baseUrls) {
      try {
        const answer = await fetch(`${baseUrl}${path}`, { ...init, headers });
        if (answer.ok) return answer;
        throw refusalOf(baseUrl, answer.status, await answer.text().catch(() => ""));
      } catch (thrown) {
        if (thrown instanceof Fault) throw thrown;
        failure ??= new Fault("unavailable", "windsock/no-server", `Cannot reach ${baseUrl}: ${reasonOf(thrown)}`, {
          cause: thrown,
        });
        // What may have been published is not published again elsewhere.
        if (!isUnsent(thrown)) break;
      }
    }
    throw failure ?? new RangeError("Cannot ask Windsock: wanted at least one address");
  }
}

const refusal = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

function noWindsock(url: string, status: number): Fault {
  return new Fault("unavailable", "windsock/answer", wrongAddress("windsock", "Windsock", url, status));
}

/** The server's own words where it gave any. */
function refusalOf(baseUrl: string, status: number, text: string): Fault {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const said = refusal.safeParse(body);
  if (said.success) return new Fault("invalid", said.data.error.code, said.data.error.message);
  // The node itself refuses too, tokens for one.
  const problem = ownProblem("windsock", status, body);
  if (problem !== undefined) return new Fault("invalid", problem.code, problem.detail);
  return noWindsock(baseUrl, status);
}
