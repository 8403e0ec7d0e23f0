/** TLS towards upstreams: what a dial needs for it, with files read anew when they have changed. */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";

import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import { fileMark } from "../../../kit/watched-file.ts";
import type { ProxyNotes } from "../../../lib/proxy-protocol/tlv.ts";
import type { OriginationPlan } from "./edge-plan.ts";

interface Kept {
  mark: string;
  text: string;
}

const lookEveryMs = 10_000;

/** Options of TLS for one proxy's dials. */
export class Origination {
  readonly #plan: OriginationPlan;
  readonly #clock: Clock;
  readonly #files = new Map<string, Kept>();
  #problems: readonly string[] = [];
  #lookedMs: number;

  /** Reads the files once. Faults: `tls/unreadable` (invalid). */
  constructor(plan: OriginationPlan, clock: Clock) {
    this.#plan = plan;
    this.#clock = clock;
    this.#lookedMs = clock.monotonicMs();
    for (const path of [plan.caPath, plan.certificatePath, plan.keyPath]) if (path !== undefined) this.#read(path);
  }

  /** Why files as they are now are not in use. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** What a dial to `host` is to use, for a client of which `notes` are known. */
  optionsFor(host: string, notes: Partial<ProxyNotes> | undefined): Bun.TLSOptions {
    const { alpn, caPath, certificatePath, isVerified, keyPath, name } = this.#plan;
    this.#look();
    const wanted = name === "client" ? (notes?.authority ?? host) : (name ?? host);
    const offered = alpn === "client" ? (notes?.alpn === undefined ? [] : [notes.alpn]) : alpn;
    return {
      rejectUnauthorized: isVerified,
      // An address is no name to ask for, but it is what the certificate has to be for.
      ...(isIP(wanted) === 0 || isVerified ? { serverName: wanted } : {}),
      ...(caPath === undefined ? {} : { ca: this.#text(caPath) }),
      ...(certificatePath === undefined || keyPath === undefined
        ? {}
        : { cert: this.#text(certificatePath), key: this.#text(keyPath) }),
      ...(offered.length === 0 ? {} : { ALPNProtocols: protocolList(offered) }),
    };
  }

  /** Whether a handshake is good enough to go on; `isDone` is what the runtime thinks of it. */
  accepts(socket: Pick<Bun.Socket, "authorized" | "getCipher">, isDone: boolean): boolean {
    // Where nobody verifies, the runtime calls a handshake failed that has led to a cipher all the same.
    return this.#plan.isVerified ? isDone && socket.authorized : isDone || Boolean(socket.getCipher().name);
  }

  /** Reads again what has changed, now and then; what cannot be read stays as it was. */
  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#files.size === 0 || nowMs - this.#lookedMs < lookEveryMs) return;
    this.#lookedMs = nowMs;
    this.#problems = [...this.#files.keys()].flatMap((path) => {
      try {
        this.#read(path);
        return [];
      } catch (thrown) {
        return [reasonOf(thrown)];
      }
    });
  }

  #text(path: string): string {
    return this.#files.get(path)?.text ?? "";
  }

  #read(path: string): void {
    try {
      const mark = fileMark(statSync(path));
      if (this.#files.get(path)?.mark !== mark) this.#files.set(path, { mark, text: readFileSync(path, "utf8") });
    } catch (thrown) {
      throw new Fault("invalid", "tls/unreadable", `Cannot read "${path}": ${reasonOf(thrown)}`, { cause: thrown });
    }
  }
}

/** Protocols as TLS writes them: each with its length before it. */
export function protocolList(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, "latin1")));
}
