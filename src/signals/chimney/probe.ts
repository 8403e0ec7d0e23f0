/**
 * Asks a target once and says what came of it. One function a kind; each ends within the plan's time, and none throws
 * for what a target does. HTTP goes through the kit's bounded requests; what they refuse is an outcome too.
 */
import { Resolver } from "node:dns/promises";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";

import type { Clock } from "../../kit/clock.ts";
import { parseAddress } from "../../kit/config/address.ts";
import { Fault } from "../../kit/fault.ts";
import { addressesOf, outbound, type OutboundAnswer, type Resolve, sentenceOf } from "../../kit/outbound.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import { parseJsonPath, valueAt } from "./json-path.ts";
import type { Outcome } from "./outcome.ts";
import { type Plan, statusIsGood } from "./plan.ts";
import { NoReport, parseSmoketest } from "./smoketest.ts";

/** What probes stand on. */
export interface ProbeParts {
  clock: Clock;
  /** Looks names up. @default the machine's own */
  resolve?: Resolve;
}

/** Asks the target of a plan. A heartbeat is not asked. */
export type Probe = (plan: Plan, signal: AbortSignal) => Promise<Outcome>;

/** The probe of all kinds. */
export function createProbe(parts: ProbeParts): Probe {
  return async (plan, signal) => {
    const startedMs = parts.clock.monotonicMs();
    try {
      return await probes[plan.kind](plan, signal, parts);
    } catch (thrown) {
      signal.throwIfAborted();
      const latencyMs = parts.clock.monotonicMs() - startedMs;
      return { isGood: false, reason: thrown instanceof Fault ? thrown.message : sentenceOf(thrown), latencyMs };
    }
  };
}

type OneProbe = (plan: Plan, signal: AbortSignal, parts: ProbeParts) => Promise<Outcome>;

const probes: Readonly<Record<Plan["kind"], OneProbe>> = {
  smoketest: async (plan, signal, parts) => {
    const answer = await ask(plan, signal, parts, { Accept: "application/json" });
    const seen = seenOf(plan, answer);
    const text = textOf(answer);
    if (answer.isCut) return { ...seen, isGood: false, reason: `The answer is longer than ${plan.maxBodyBytes} bytes` };
    try {
      const report = parseSmoketest(text);
      const bad = report.failed + report.errored;
      const reason = report.isPass
        ? `${report.passed} of ${report.run} tests passed`
        : bad > 0
          ? `${bad} of ${report.run} tests failed`
          : "The report says FAIL";
      return { ...seen, isGood: report.isPass, reason, report };
    } catch (thrown) {
      if (!(thrown instanceof NoReport)) throw thrown;
      const reason = answer.status === 200 ? thrown.message : `Status ${answer.status}, and no smoke test report`;
      return { ...seen, isGood: false, reason, excerpt: excerptOf(text) };
    }
  },
  http: async (plan, signal, parts) => {
    const answer = await ask(plan, signal, parts, { Accept: "*/*" });
    const reason = objectionTo(plan, answer);
    return {
      ...seenOf(plan, answer),
      isGood: reason === undefined,
      reason: reason ?? `Status ${answer.status}`,
      ...(reason === undefined ? {} : { excerpt: excerptOf(textOf(answer)) }),
    };
  },
  tcp: (plan, signal, parts) =>
    connection(plan, signal, parts, ({ host, port, done, fail }) => {
      const socket = connectTcp({ host, port });
      socket.once("connect", () => done({ isGood: true, reason: "Connected" }));
      socket.on("error", fail);
      return () => socket.destroy();
    }),
  tls: (plan, signal, parts) =>
    connection(plan, signal, parts, ({ host, name, port, done, fail }) => {
      const socket = connectTls({
        host,
        port,
        rejectUnauthorized: plan.verifyTls,
        ...(isIP(name) ? {} : { servername: name }),
      });
      socket.once("secureConnect", () =>
        done(certificateOutcome(plan, socket.getPeerCertificate(), parts.clock.now())),
      );
      socket.on("error", fail);
      return () => socket.destroy();
    }),
  dns: async (plan, signal, { clock }) => {
    const { record, answer: wanted, server } = plan.entry;
    const startedMs = clock.monotonicMs();
    const resolver = new Resolver({ timeout: Math.max(1, plan.timeoutMs), tries: 1 });
    if (server !== undefined) resolver.setServers([server]);
    const cancelled = new AbortController();
    const end = () => cancelled.abort();
    const cancel = clock.schedule(plan.timeoutMs, end);
    signal.addEventListener("abort", end, { once: true });
    cancelled.signal.addEventListener("abort", () => resolver.cancel(), { once: true });
    try {
      const answers = await Promise.race([records(resolver, plan.target, record), lateness(cancelled.signal, plan)]);
      const isGood = answers.length > 0 && (wanted === undefined || answers.includes(wanted.toLowerCase()));
      const list = answers.slice(0, 8).join(", ");
      const reason =
        isGood || wanted === undefined ? list || "No answer" : `"${wanted}" is not among ${list || "no answers"}`;
      return { isGood, reason, latencyMs: clock.monotonicMs() - startedMs };
    } finally {
      cancel();
      signal.removeEventListener("abort", end);
    }
  },
  heartbeat: async () => ({ isGood: true, reason: "It is sent to us", latencyMs: 0 }),
};

function ask(plan: Plan, signal: AbortSignal, parts: ProbeParts, headers: Record<string, string>) {
  const { body, headers: own, max_redirects: maxRedirects, method } = plan.entry;
  return outbound(plan.target, {
    clock: parts.clock,
    timeoutMs: plan.timeoutMs,
    maxBytes: plan.maxBodyBytes,
    maxRedirects,
    guard: plan.guard,
    verifyTls: plan.verifyTls,
    method,
    headers: { ...headers, "User-Agent": "Warren-Chimney", ...own },
    signal,
    ...(body === undefined ? {} : { body }),
    ...(parts.resolve ? { resolve: parts.resolve } : {}),
  });
}

function seenOf(plan: Plan, answer: OutboundAnswer): Omit<Outcome, "isGood" | "reason"> {
  const { address, elapsedMs: latencyMs, redirects, status, url } = answer;
  return { latencyMs, status, address, ...(redirects > 0 && url !== plan.target ? { finalUrl: url } : {}) };
}

/** Why an answer is not as wanted; undefined when it is. */
function objectionTo({ entry, maxBodyBytes }: Plan, answer: OutboundAnswer): string | undefined {
  if (!statusIsGood(entry.status, answer.status)) return `Status ${answer.status}, wanted ${entry.status}`;
  const text = textOf(answer);
  if (entry.lacks !== undefined && text.includes(entry.lacks)) return `The answer contains "${entry.lacks}"`;
  if (entry.contains !== undefined && !text.includes(entry.contains)) {
    return `The answer ${answer.isCut ? `lacks, in its first ${maxBodyBytes} bytes,` : "does not contain"} "${entry.contains}"`;
  }
  if (entry.json === undefined) return undefined;
  if (answer.isCut) return `The answer is longer than ${maxBodyBytes} bytes`;
  let found: unknown;
  try {
    found = valueAt(JSON.parse(text), parseJsonPath(entry.json));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return "The answer is no JSON";
  }
  const isGood = entry.equals === undefined ? Boolean(found) : found === entry.equals;
  if (isGood) return undefined;
  const wanted = entry.equals === undefined ? "something true" : JSON.stringify(entry.equals);
  return `${entry.json} is ${(JSON.stringify(found) ?? "absent").slice(0, 200)}, wanted ${wanted}`;
}

interface Connecting {
  /** The address that was found; connections go there. */
  host: string;
  name: string;
  port: number;
  done(outcome: Omit<Outcome, "latencyMs">): void;
  fail(thrown: unknown): void;
}

async function connection(
  plan: Plan,
  signal: AbortSignal,
  { clock, resolve }: ProbeParts,
  open: (connecting: Connecting) => () => void,
): Promise<Outcome> {
  const startedMs = clock.monotonicMs();
  const { host: name, port } = parseAddress(plan.target);
  const ending = new AbortController();
  const end = () => ending.abort();
  const cancel = clock.schedule(plan.timeoutMs, end);
  signal.addEventListener("abort", end, { once: true });
  let close = () => {};
  try {
    const [host = name] = await Promise.race([
      addressesOf(name, { guard: plan.guard, ...(resolve ? { resolve } : {}) }),
      lateness(ending.signal, plan),
    ]);
    const outcome = new Promise<Omit<Outcome, "latencyMs">>((done, fail) => {
      close = open({ host, name, port, done, fail });
    });
    const seen = await Promise.race([outcome, lateness(ending.signal, plan)]);
    return { ...seen, address: host, latencyMs: clock.monotonicMs() - startedMs };
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
    close();
  }
}

function lateness(signal: AbortSignal, plan: Plan): Promise<never> {
  return new Promise((_, reject) => {
    const late = () => reject(new Fault("timeout", "chimney/late", `No answer within ${plan.timeoutMs} ms`));
    if (signal.aborted) late();
    signal.addEventListener("abort", late, { once: true });
  });
}

/** What the times in a certificate, as TLS shows them, make of a check at `now`, whoever vouches for it. */
export function certificateOutcome(
  plan: Pick<Plan, "expiresWithinMs">,
  { valid_from: from, valid_to: to }: { valid_from?: string; valid_to?: string },
  now: number,
): Omit<Outcome, "latencyMs"> {
  const expiresAt = Date.parse(to ?? "");
  if (Number.isNaN(expiresAt)) return { isGood: false, reason: "The server shows no certificate" };
  const leftMs = expiresAt - now;
  const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);
  const day = dayOf(expiresAt);
  if (leftMs <= 0) return { isGood: false, reason: `The certificate ended on ${day}`, expiresAt };
  const beginsAt = Date.parse(from ?? "");
  if (beginsAt > now)
    return { isGood: false, reason: `The certificate is valid only from ${dayOf(beginsAt)} on`, expiresAt };
  return {
    isGood: leftMs > plan.expiresWithinMs,
    reason: `The certificate ends on ${day}, in ${formatSpan(leftMs)}`,
    expiresAt,
  };
}

async function records(resolver: Resolver, name: string, kind: Plan["entry"]["record"]): Promise<string[]> {
  const lower = (texts: readonly string[]) => texts.map((text) => text.toLowerCase());
  switch (kind) {
    case "A":
      return resolver.resolve4(name);
    case "AAAA":
      return lower(await resolver.resolve6(name));
    case "CNAME":
      return lower(await resolver.resolveCname(name));
    case "NS":
      return lower(await resolver.resolveNs(name));
    case "TXT":
      return lower((await resolver.resolveTxt(name)).map((parts) => parts.join("")));
    case "MX":
      return lower((await resolver.resolveMx(name)).map(({ exchange }) => exchange));
  }
}

function textOf(answer: OutboundAnswer): string {
  return new TextDecoder().decode(answer.body);
}

function excerptOf(text: string): string {
  return text.slice(0, 1000);
}
