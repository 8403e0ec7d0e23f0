/** cbp seen from outside: what the terminal verbs ask of it over HTTP. */
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { ProxyStatus } from "./status.ts";

/** A client of one node. Methods throw the Faults `cbp/no-server` and `cbp/refused`. */
export class CbpClient {
  readonly #baseUrl: string;
  readonly #headers: Record<string, string>;

  /** `baseUrl` is where its routes begin. */
  constructor(baseUrl: string, token?: string) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
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
    const url = `${this.#baseUrl}${path}`;
    let answer: Response;
    try {
      answer = await fetch(url, { ...init, headers: { ...this.#headers, ...init.headers } });
    } catch (thrown) {
      throw new Fault("unavailable", "cbp/no-server", `Cannot reach ${url}: ${reasonOf(thrown)}`, { cause: thrown });
    }
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as unknown;
    const detail = /"detail":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
    const words = detail === undefined ? `it answered ${answer.status}` : String(JSON.parse(detail));
    throw new Fault("invalid", "cbp/refused", words);
  }
}
