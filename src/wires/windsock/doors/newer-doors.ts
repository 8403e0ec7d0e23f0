/**
 * The newer doors in one: `/connect/` (websocket), `/events` (SSE), `/poll`, `/publish`, `/history`, `/presence` for
 * clients with a token, and `/api/…` for back ends. Every refusal is JSON with a code and a sentence.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import { wholeText } from "../../../kit/http/body.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Caller, Scope } from "../../../kit/service.ts";
import { type Limits, Pace } from "../limits.ts";
import type { Envelope, Publication } from "../publication.ts";
import { Admission } from "./admission.ts";
import { json, notAllowed, numberOf, preflight, refusal } from "./answers.ts";
import { Api } from "./api.ts";
import { namedTopics } from "./asked.ts";
import { Connection, statsOf } from "./connection.ts";
import { openEvents } from "./event-stream.ts";
import { historyOf } from "./history.ts";
import { type DoorLimits, usualLimits } from "./limits.ts";
import type { NewerParts, Stoppable } from "./newer-parts.ts";
import { poll } from "./poll.ts";
import { publishAt } from "./publish.ts";
import { Pulse } from "./pulse.ts";
import { presentOf } from "./present.ts";
import type { Revocations } from "./revocations.ts";
import { requirePublish, requireSubscribe, type Rights, type TokenDesk } from "./rights.ts";
import { Roster } from "./roster.ts";
import { SignatureDesk, signatureHeader } from "./signature.ts";
import type { PlacedHub } from "./subscriber.ts";
import { topicWords } from "./topic.ts";
import type { Webhooks } from "./webhooks.ts";

/** What the service gives. */
export interface NewerDoorsOptions {
  hub: PlacedHub;
  limits: Limits;
  desk: TokenDesk;
  revocations: Revocations;
  webhooks: Webhooks | undefined;
  /** Bounds of one connection. @default usualLimits */
  bounds?: Partial<DoorLimits>;
  /** Secrets of back ends, newest first. */
  apiSecrets: readonly string[];
  origins: readonly string[];
  deflate: boolean;
  /** The longest body of a request. */
  bodyBytes: number;
  /** @default 25_000 */
  pingMs?: number;
  clock: Clock;
  log: Logger;
  addressOf(request: Request, caller: Caller): string;
  /** See DoorParts. */
  seenOf(request: Request, caller: Caller): string;
}

const exactPaths = new Set(["/connect", "/connect/", "/events", "/poll", "/publish", "/history", "/presence"]);
/** Paces of tokens that publish by HTTP, forgotten when there are more. */
const maxPaces = 10_000;

/** See the file's head. A door of the service. */
export class NewerDoors {
  readonly roster: Roster;
  readonly desk: TokenDesk;
  readonly #options: NewerDoorsOptions;
  readonly #parts: NewerParts;
  readonly #api: Api;
  readonly #signatures: SignatureDesk;
  readonly #paces = new Map<string, Pace>();

  constructor(options: NewerDoorsOptions) {
    const { clock, desk, hub, limits, log, webhooks } = options;
    this.#options = options;
    this.desk = desk;
    this.roster = new Roster({
      hub,
      clock,
      told: (kind, interest) => webhooks?.tell({ kind, at: clock.now(), address: topicWords(interest) }),
    });
    const pingMs = options.pingMs ?? 25_000;
    const { addressOf, origins, seenOf } = options;
    this.#parts = {
      hub,
      roster: this.roster,
      admission: new Admission({ desk, limits, roster: this.roster, webhooks, origins, clock, addressOf, seenOf }),
      limits: { ...usualLimits, ...options.bounds },
      pulse: new Pulse(clock, pingMs),
      clock,
      log,
      pingMs,
      deflate: options.deflate,
      connections: new Set<Stoppable>(),
      publish: (envelope, user) => this.publish(envelope, user),
      isGood: (rights) => desk.isGood(rights),
    };
    this.#api = new Api({ ...this.#parts, revocations: options.revocations, startedAt: clock.now() });
    this.#signatures = new SignatureDesk(options.apiSecrets, clock);
  }

  /** Publishes for somebody, and tells the application of it. */
  async publish(envelope: Envelope, user: string): Promise<Publication> {
    const publication = await publishAt(this.#options.hub, envelope);
    const { address, at, content, position } = publication;
    this.#options.webhooks?.tell({ kind: "publish", at, address, content, position, user });
    return publication;
  }

  takes(path: string): boolean {
    return exactPaths.has(path) || path.startsWith("/api/");
  }

  /** Rights are judged here, by tokens of several kinds. */
  scopeOf(): Scope | undefined {
    return undefined;
  }

  /** Pages of the application come from elsewhere, with a token of their own. */
  fromElsewhere(_: Request, path: string): boolean {
    return this.takes(path);
  }

  async handle(request: Request, caller: Caller, path: string): Promise<Response> {
    try {
      if (request.method === "OPTIONS") return preflight();
      return await this.#answer(request, caller, path);
    } catch (thrown) {
      return refusal(thrown);
    }
  }

  /** Says goodbye to all. */
  stop(): void {
    this.#parts.pulse.stop();
    this.roster.close();
    for (const connection of this.#parts.connections) connection.stop();
  }

  async #answer(request: Request, caller: Caller, path: string): Promise<Response> {
    const { admission } = this.#parts;
    const { method } = request;
    const reads = method === "GET" || method === "HEAD";
    admission.requireOrigin(request);
    const url = new URL(request.url);
    const query = url.searchParams;
    if (path.startsWith("/api/")) {
      if (method !== "POST") return notAllowed("POST");
      return json(await this.#callApi(request, caller, path.slice(5), `${url.pathname}${url.search}`));
    }
    if (path === "/publish")
      return method === "POST" ? json(await this.#publishFor(request, caller, query)) : notAllowed("POST");
    if (!reads) return notAllowed("GET");
    const token = admission.tokenOf(request, query);
    if (path === "/connect" || path === "/connect/") return this.#connect(request, caller, token);
    const rights = admission.rights(token, caller, admission.seenOf(request, caller));
    switch (path) {
      case "/events":
        return openEvents(this.#parts, request, caller, query, rights);
      case "/poll":
        return poll(this.#parts, request, caller, query, rights);
      case "/history":
        return json(await this.#history(query, rights));
      default:
        return json(this.#presence(query, rights));
    }
  }

  #connect(request: Request, caller: Caller, token: string | undefined): Response {
    const { admission } = this.#parts;
    if (!caller.upgrade || request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      throw new Fault("invalid", "windsock/no-websocket", "Cannot connect: this is the address of a websocket");
    }
    const address = admission.addressOf(request, caller);
    const list = admission.seenOf(request, caller);
    // It is held as long as the connection: one text where there is but one address.
    const seen = list === address ? address : list;
    const rightsOf = (shown: string | undefined) => admission.rights(shown, caller, seen);
    const opener = { address, seen, rights: token === undefined ? undefined : rightsOf(token), rightsOf };
    return caller.upgrade(new Connection(this.#parts, opener));
  }

  async #callApi(request: Request, caller: Caller, verb: string, target: string): Promise<object> {
    const body = await wholeText(request, { maxBytes: this.#options.bodyBytes, clock: this.#options.clock });
    const signature = request.headers.get(signatureHeader);
    // Who signs is the application itself, and may do all.
    if (signature !== null) this.#signatures.check(signature, { method: request.method, target, body });
    const require = (scope: Scope) => {
      if (signature !== null || caller.may(scope)) return;
      throw new Fault(
        "unauthorized",
        "windsock/api-right",
        `Cannot do that: wanted ${signatureHeader}, or a token of the node with scope windsock:${scope}`,
      );
    };
    return this.#api.call(verb, parsed(body), require);
  }

  async #publishFor(request: Request, caller: Caller, query: URLSearchParams): Promise<object> {
    const { admission, clock, limits } = this.#parts;
    const body = await wholeText(request, { maxBytes: this.#options.bodyBytes, clock });
    const said = parsed(body);
    if (!isEnvelope(said)) {
      throw new Fault("invalid", "windsock/command", 'Cannot publish: wanted {"address": "…", "content": "…"}');
    }
    const shown = admission.tokenOf(request, query) ?? said.token;
    const rights = admission.rights(shown, caller, admission.seenOf(request, caller));
    const address = said.address ?? rights.home;
    if (address === undefined) {
      throw new Fault("invalid", "windsock/address", "Cannot publish: no address was given, and the token names none");
    }
    requirePublish(rights, address);
    const key = shown === undefined ? `${caller.name} ${caller.address}` : `${rights.user} ${shown}`;
    let pace = this.#paces.get(key);
    if (!pace) {
      if (this.#paces.size >= maxPaces) this.#paces.clear();
      pace = new Pace(clock, limits.messagesPerSecond, limits.messagesBurst);
      this.#paces.set(key, pace);
    }
    // Back ends with a token of the node publish for many.
    if (shown !== undefined && !pace.take()) {
      throw new Fault("limited", "windsock/limited", `Cannot publish: more than ${limits.messagesPerSecond} a second`, {
        retryAfterMs: 1000,
      });
    }
    const { position } = await this.publish({ address, content: said.content }, rights.user);
    return { position };
  }

  async #history(query: URLSearchParams, rights: Rights): Promise<object> {
    const { hub, limits } = this.#parts;
    const [interest, ...more] = namedTopics(query);
    if (interest === undefined || more.length > 0) throw unnamed("history", "one ?topic=, ?prefix= or ?address=");
    requireSubscribe(rights, interest);
    const { position } = hub;
    const count = numberOf(query, "limit", 100, limits.historyCount);
    return { ...(await historyOf(hub, interest, count, limits.historyBytes)), position };
  }

  #presence(query: URLSearchParams, rights: Rights): object {
    const address = query.get("address");
    if (address === null) throw unnamed("presence", "?address=");
    requireSubscribe(rights, { kind: "exact", address });
    const clients = this.#parts.hub.presence(address);
    return { ...presentOf(clients, this.#parts.limits.presenceBytes), ...statsOf(clients) };
  }
}

function unnamed(of: string, wanted: string): Fault {
  return new Fault("invalid", "windsock/query", `Cannot tell the ${of}: wanted ${wanted}`);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Fault("invalid", "windsock/command", "Cannot read the request: its body is no JSON");
  }
}

function isEnvelope(value: unknown): value is { address?: string; content: string; token?: string } {
  if (typeof value !== "object" || value === null) return false;
  const { address, content, token } = value as Record<string, unknown>;
  return (
    typeof content === "string" &&
    (address === undefined || typeof address === "string") &&
    (token === undefined || typeof token === "string")
  );
}
