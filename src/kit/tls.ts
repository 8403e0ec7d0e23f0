/**
 * The certificate of the listeners: read from two files, checked before anything listens, read again when a file
 * changes. While the files do not fit each other (a renewal writes them one after the other) the pair in use stays.
 *
 * `Bun.serve` takes a new certificate only with a new listener, `server.reload` ignores it. So a change is handed to the
 * owner of the listeners, who calls {@link replaceListener}: the port changes hands, and requests under way are finished
 * by the old listener. Nobody is refused in between if the port was bound by {@link bindReplaceable}.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

import type { Clock } from "./clock.ts";
import { Fault, reasonOf } from "./fault.ts";
import type { Logger } from "./log.ts";
import { fileMarkAt } from "./watched-file.ts";

/** Where the pair lies. The certificate file begins with the server's own, those that vouch for it follow. */
export interface CertificateFiles {
  certificatePath: string;
  keyPath: string;
}

/** A pair that fits, in the form `Bun.serve({ tls })` takes, and what people want to know of it. */
export interface Certificate {
  readonly tls: { readonly cert: string; readonly key: string };
  /** Its names, such as `attic.example, 10.0.0.1`. */
  readonly names: string;
  /** End of validity, epoch ms. */
  readonly expiresAt: number;
  /** SHA-256 of the certificate, hexadecimal with colons. */
  readonly fingerprint: string;
}

const dayMs = 86_400_000;
const maxFileBytes = 1 << 20;

/**
 * Reads and checks the pair. Faults (all `invalid`): `tls/unreadable` (missing, not permitted, not PEM, encrypted key),
 * `tls/mismatch` (the key belongs to another certificate), `tls/expired` (or not valid yet).
 */
export function readCertificate(files: CertificateFiles, clock: Clock): Certificate {
  const cert = readPem(files.certificatePath, "certificate");
  const key = readPem(files.keyPath, "key");
  const parsed = parseWith(files.certificatePath, "certificate", () => new X509Certificate(cert));
  const parsedKey = parseWith(files.keyPath, "key", (): KeyObject => createPrivateKey(key));
  if (!parsed.checkPrivateKey(parsedKey)) {
    throw new Fault(
      "invalid",
      "tls/mismatch",
      `Cannot use certificate "${files.certificatePath}": key "${files.keyPath}" belongs to another one; the server's own certificate must stand first in its file`,
    );
  }
  const expiresAt = Date.parse(parsed.validTo);
  const now = clock.now();
  if (expiresAt <= now || Date.parse(parsed.validFrom) > now + dayMs) {
    const reason =
      expiresAt <= now
        ? `it expired on ${dayOf(expiresAt)}`
        : `it is valid from ${dayOf(Date.parse(parsed.validFrom))} on`;
    throw new Fault("invalid", "tls/expired", `Cannot use certificate "${files.certificatePath}": ${reason}`);
  }
  const alternative = (parsed.subjectAltName ?? "").replaceAll(/(?:DNS|IP Address):/g, "");
  return { tls: { cert, key }, names: alternative || parsed.subject, expiresAt, fingerprint: parsed.fingerprint256 };
}

/** A sentence when the certificate ends within `withinDays`, or undefined. */
export function expiryWarning(certificate: Certificate, now: number, withinDays = 21): string | undefined {
  const leftMs = certificate.expiresAt - now;
  if (leftMs > withinDays * dayMs) return undefined;
  if (leftMs <= 0)
    return `The certificate for ${certificate.names} expired on ${dayOf(certificate.expiresAt)}: renew it`;
  const days = Math.floor(leftMs / dayMs);
  return `The certificate for ${certificate.names} expires in ${days} ${days === 1 ? "day" : "days"}: renew it`;
}

/** A pair that is kept up to date. */
export interface CertificateWatch {
  /** The pair in use. */
  current(): Certificate;
  /** Why the files as they are now are not in use, or undefined when they are. */
  problem(): string | undefined;
  stop(): void;
}

/** What to watch, and whom to tell. */
export interface CertificateWatchOptions extends CertificateFiles {
  clock: Clock;
  log: Logger;
  /** Called with each new pair that fits. If it throws, the pair counts as not in use and is offered again at the next look. */
  onChange(certificate: Certificate): void;
  /** @default 10_000 */
  pollMs?: number;
}

/** Reads the pair (Faults as {@link readCertificate}) and looks after it by time and size, which works on every file system. */
export function watchCertificates(options: CertificateWatchOptions): CertificateWatch {
  const { clock, log, pollMs = 10_000 } = options;
  let current = readCertificate(options, clock);
  let seen = stampOf(options);
  let problem: string | undefined;
  let stopped = false;

  const look = () => {
    const stamp = stampOf(options);
    // A pair that did not fit is tried again although nothing changed: the look may have fallen between two writes.
    if (stamp !== seen || problem !== undefined) {
      seen = stamp;
      try {
        const next = readCertificate(options, clock);
        if (
          next.fingerprint !== current.fingerprint ||
          next.tls.cert !== current.tls.cert ||
          next.tls.key !== current.tls.key
        ) {
          options.onChange(next);
          current = next;
          log.info("A new certificate is in use", { names: next.names, expires: dayOf(next.expiresAt) });
        }
        problem = undefined;
      } catch (thrown) {
        const reason = reasonOf(thrown);
        if (reason !== problem) log.warn("The certificate files changed but the old pair stays in use", { reason });
        problem = reason;
      }
    }
    if (!stopped) cancel = clock.schedule(pollMs, look);
  };
  let cancel = clock.schedule(pollMs, look);
  return {
    current: () => current,
    problem: () => problem,
    stop() {
      stopped = true;
      cancel();
    },
  };
}

/** The part of a `Bun.serve` server that matters here. */
export interface StoppableListener {
  readonly port?: number | undefined;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/**
 * Binds a port so that {@link replaceListener} can overlap two listeners on it. A port that may be shared would be shared
 * with a second node started by mistake as well, so it is first bound for ourselves alone, which throws when it is taken.
 * `serve` hands both arguments to `Bun.serve`; port 0 takes any free one.
 */
export function bindReplaceable<Listener extends StoppableListener>(
  port: number,
  serve: (port: number, reusePort: boolean) => Listener,
): Listener {
  const probe = serve(port, false);
  const bound = probe.port ?? port;
  void probe.stop(true);
  return serve(bound, true);
}

/**
 * Puts another listener on the port of `old`. `start` must bind the very address `old` is bound to, with `reusePort` if
 * `old` has it. Then the new one listens before the old one stops; otherwise it is started again in the instant after,
 * in which a client may be refused. `drained` resolves when the last connection of `old` has ended.
 * What `start` throws is thrown, and `old` goes on, unless its port could not be had twice.
 */
export function replaceListener<Listener extends StoppableListener>(
  old: Listener,
  start: () => Listener,
): { listener: Listener; drained: Promise<void> } {
  let listener: Listener | undefined;
  try {
    listener = start();
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EADDRINUSE")) throw thrown;
  }
  const drained = old.stop(false);
  return { listener: listener ?? start(), drained };
}

function readPem(path: string, what: string): string {
  try {
    const { size } = statSync(path);
    if (size > maxFileBytes) throw new RangeError("it is larger than 1 MiB");
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new Fault("invalid", "tls/unreadable", `Cannot read ${what} "${path}": ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function parseWith<Parsed>(path: string, what: string, parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (thrown) {
    throw new Fault("invalid", "tls/unreadable", `Cannot read ${what} "${path}": wanted PEM text without a password`, {
      cause: thrown,
    });
  }
}

/** Differs whenever a file may have changed, also when it was replaced by a link to another. */
function stampOf(files: CertificateFiles): string {
  return [files.certificatePath, files.keyPath].map((path) => fileMarkAt(path) ?? "missing").join(", ");
}

function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
