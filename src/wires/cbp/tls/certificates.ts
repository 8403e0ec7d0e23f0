/**
 * The certificates of one proxy: each pair is watched, and which is shown depends on the name that a client asks for. A
 * connection gets what is in use when it begins, so a renewal disturbs none.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";

import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import { type Certificate, type CertificateWatch, watchCertificates } from "../../../kit/tls.ts";
import type { TerminationPlan } from "./edge-plan.ts";

interface Shown {
  readonly watch: CertificateWatch;
  /** Made from the pair of this fingerprint. */
  fingerprint: string;
  parsed: X509Certificate;
  context: SecureContext;
}

/** The pairs in use. */
export class Certificates {
  readonly #ca: string | undefined;
  readonly #shown: Shown[] = [];

  /** Faults as {@link watchCertificates}, and `tls/unreadable` for the authorities of clients. */
  constructor(plan: TerminationPlan, clock: Clock, log: Logger) {
    this.#ca = plan.clientCaPath === undefined ? undefined : readAuthorities(plan.clientCaPath);
    try {
      for (const files of plan.certificates) {
        const watch = watchCertificates({ ...files, clock, log, onChange: (next) => void this.#made(next) });
        const made = this.#made(watch.current());
        this.#shown.push({ watch, ...made });
      }
    } catch (thrown) {
      this.stop();
      throw thrown;
    }
  }

  /** What to show to a client that asks for `name`; the first pair when none has that name. */
  contextFor(name: string): SecureContext {
    const shown = this.#shown.map((one) => this.#newest(one));
    const found = name === "" ? undefined : shown.find(({ parsed }) => parsed.checkHost(name) !== undefined);
    const [first] = shown;
    if (first === undefined) throw new RangeError("Cannot show a certificate: there is none");
    return (found ?? first).context;
  }

  /** The pairs in use, for looking at. */
  get all(): readonly Certificate[] {
    return this.#shown.map(({ watch }) => watch.current());
  }

  /** Why files as they are now are not in use. */
  get problems(): readonly string[] {
    return this.#shown.flatMap(({ watch }) => watch.problem() ?? []);
  }

  /** Looks after the files no longer. */
  stop(): void {
    for (const { watch } of this.#shown) watch.stop();
  }

  #newest(shown: Shown): Shown {
    const current = shown.watch.current();
    if (current.fingerprint !== shown.fingerprint) Object.assign(shown, this.#made(current));
    return shown;
  }

  #made({ fingerprint, tls }: Certificate): Omit<Shown, "watch"> {
    const { cert, key } = tls;
    const context = createSecureContext({ cert, key, ...(this.#ca === undefined ? {} : { ca: this.#ca }) });
    return { fingerprint, parsed: new X509Certificate(cert), context };
  }
}

/** Certificates of authorities, in PEM form. Faults: `tls/unreadable` (invalid). */
export function readAuthorities(path: string): string {
  try {
    const text = readFileSync(path, "utf8");
    void new X509Certificate(text);
    return text;
  } catch (thrown) {
    const message = `Cannot read the authorities in "${path}": ${reasonOf(thrown)}`;
    throw new Fault("invalid", "tls/unreadable", message, { cause: thrown });
  }
}
