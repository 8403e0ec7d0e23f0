/** cbp seen from outside: what the terminal verbs ask of it over HTTP. */
import { Fault, reasonOf } from "../../kit/fault.ts";
import { ownProblem, wrongAddress } from "../../kit/http/wrong-address.ts";
import type { ProxyStatus } from "./status.ts";

/** A client of one node. Methods throw the Faults `cbp/no-server` and `cbp/refused`. */
export class CbpClient {
  readonly #baseUrls: readonly string[];
  readonly #headers: Record<string, string>;

  /** Where its routes begin; where several are named, the next is asked when one cannot be reached. */
  constructor(baseUrls: readonly string[], token?: string) {
    this.#baseUrls = baseUrls.map((url) => url.replace(/\/+$/, ""));
    this.#headers = {
      Accept: "application/json",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    };
  }

  /** All proxies. */
  async list(): Promise<readonly ProxyStatus[]> {
    return (await this.#ask("/status.json", isList)).proxies;
  }

  /** Sets the breakers of a proxy, or of one upstream: `open`, `closed`, `disabled` or `auto`. */
  async force(name: string, mode: string, upstream?: string): Promise<ProxyStatus> {
    return this.act(name, "force", { mode, ...(upstream === undefined ? {} : { upstream }) });
  }

  /** Has a proxy do something. */
  async act(name: string, verb: "force" | "drain" | "listen", body: Record<string, string>): Promise<ProxyStatus> {
    const headers = { "Content-Type": "application/json" };
    const path = `/proxy/${encodeURIComponent(name)}/${verb}`;
    return this.#ask(path, isProxy, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async #ask<Answer>(
    path: string,
    isAnswer: (said: unknown) => said is Answer,
    init: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    let failure: Fault | undefined;
    // Whatever is asked for may be asked for twice.
    for (const baseUrl of this.#baseUrls) {
      try {
        const answer = await fetch(`${baseUrl}${path}`, { ...init, headers: { ...this.#headers, ...init.headers } });
        return contentOf(baseUrl, answer.status, await answer.text(), isAnswer);
      } catch (thrown) {
        if (thrown instanceof Fault) throw thrown;
        failure ??= new Fault("unavailable", "cbp/no-server", `Cannot reach ${baseUrl}: ${reasonOf(thrown)}`, {
          cause: thrown,
        });
      }
    }
    throw failure ?? new RangeError("Cannot ask cbp: wanted at least one address");
  }
}

/** Others answer otherwise; what cbp says within is its own. */
function isList(said: unknown): said is { proxies: readonly ProxyStatus[] } {
  return typeof said === "object" && said !== null && "proxies" in said && Array.isArray(said.proxies);
}

function isProxy(said: unknown): said is ProxyStatus {
  return typeof said === "object" && said !== null && "upstreams" in said && Array.isArray(said.upstreams);
}

/** What an answer says; its own words where it refuses. */
function contentOf<Answer>(
  baseUrl: string,
  status: number,
  text: string,
  isAnswer: (said: unknown) => said is Answer,
): Answer {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  if (status < 300 && isAnswer(said)) return said;
  const problem = ownProblem("cbp", status, said);
  if (problem !== undefined) throw new Fault("invalid", "cbp/refused", problem.detail);
  throw new Fault("invalid", "cbp/refused", wrongAddress("cbp", "cbp", baseUrl, status));
}
