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
    return ((await this.#ask("/status.json", {})) as { proxies: readonly ProxyStatus[] }).proxies;
  }

  /** Sets the breakers of a proxy, or of one upstream: `open`, `closed`, `disabled` or `auto`. */
  async force(name: string, mode: string, upstream?: string): Promise<ProxyStatus> {
    return this.act(name, "force", { mode, ...(upstream === undefined ? {} : { upstream }) });
  }

  /** Has a proxy do something. */
  async act(name: string, verb: "force" | "drain" | "listen", body: Record<string, string>): Promise<ProxyStatus> {
    const headers = { "Content-Type": "application/json" };
    const path = `/proxy/${encodeURIComponent(name)}/${verb}`;
    return (await this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) })) as ProxyStatus;
  }

  async #ask(path: string, init: { method?: string; headers?: Record<string, string>; body?: string }) {
    let failure: Fault | undefined;
    // Whatever is asked for may be asked for twice.
    for (const baseUrl of this.#baseUrls) {
      try {
        const answer = await fetch(`${baseUrl}${path}`, { ...init, headers: { ...this.#headers, ...init.headers } });
        return contentOf(baseUrl, answer.status, await answer.text());
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

/** What an answer says; its own words where it refuses. */
function contentOf(baseUrl: string, status: number, text: string): unknown {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  if (status < 300 && said !== undefined) return said;
  const problem = ownProblem("cbp", status, said);
  if (problem !== undefined) throw new Fault("invalid", "cbp/refused", problem.detail);
  throw new Fault("invalid", "cbp/refused", wrongAddress("cbp", "cbp", baseUrl, status));
}
