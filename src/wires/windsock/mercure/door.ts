/**
 * The Mercure door: `GET /.well-known/mercure` for subscribers (server-sent events), `POST` for publishers, and the list of
 * subscriptions below it where that is switched on. Refusals are JSON with a code and a sentence that says what to do, with
 * the challenge of RFC 6750, and readable by pages of other sites.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf, toFault } from "../../../kit/fault.ts";
import { wholeText } from "../../../kit/http/body.ts";
import { sentStreamOf } from "../../../kit/http/stream.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Caller, Scope } from "../../../kit/service.ts";
import { fitsOrigin } from "../doors/origin.ts";
import type { VerifyingKey } from "../doors/jwt.ts";
import { verifyingKeyOf } from "../doors/public-key.ts";
import { publishAt } from "../doors/publish.ts";
import type { Hub } from "../hub.ts";
import type { Interest } from "../publication.ts";
import { type Authority, readAuthority, shownToken } from "./authority.ts";
import { KnownIds } from "./known-ids.ts";
import { isTopic, type Matcher, type MatchType, parseMatcher } from "./matcher.ts";
import { Reader, type ReaderSettings } from "./reader.ts";
import {
  beginSubscription,
  hubPath,
  listSubscriptions,
  type Subscription,
  subscriptionPath,
  subscriptionView,
} from "./subscriptions.ts";
import { addressLead, addressOf, contentOf, maxIdLength, type Update } from "./update.ts";

/** How the door is set up. */
export interface MercureSettings extends ReaderSettings {
  /** With which publishers' tokens are signed: a secret (HS256), or a public key in PEM (RS256, ES256, EdDSA). */
  publisherKey: string;
  subscriberKey: string;
  /** Whether readers without a token hear public updates. */
  isAnonymous: boolean;
  /** Whether subscriptions are listed and told of. */
  tellsSubscriptions: boolean;
  /** Sites whose pages may come with cookies; empty lets pages of all sites come, without. */
  origins: readonly string[];
  /** Topics of one reader. */
  maxMatchers: number;
  maxBodyBytes: number;
}

/** What the door stands on. */
export interface MercureDoorParts {
  hub: Hub;
  clock: Clock;
  log: Logger;
  settings: MercureSettings;
  /** Counts a connection until the function is called; throws a Fault when there are too many. */
  enter(user: string, address: string): () => void;
  /** The client's address: the peer's, or what a proxy in front says. */
  addressOf(request: Request, caller: Caller): string;
}

/** A door of Windsock, for Mercure's publishers and subscribers. */
export interface MercureDoor {
  takes(path: string): boolean;
  handle(request: Request, caller: Caller, path: string): Promise<Response>;
  scopeOf(request: Request, path: string): Scope | undefined;
  fromElsewhere(request: Request, path: string): boolean;
  /** Bearer tokens are Mercure's, not the node's. */
  ownTokens(request: Request, path: string): boolean;
  readonly figures: { readonly readers: number };
  stop(): void;
}

const mostTopics = 10;
const mostWild = 128;
/** Is no position of anything: the hub then gives the newest that there are. */
const nowhere = "0-0";

/** Opens the door. Throws SyntaxError for a key that is none. */
export function openMercureDoor(parts: MercureDoorParts): MercureDoor {
  const { clock, hub, log, settings } = parts;
  const publisherKey = verifyingKeyOf(settings.publisherKey);
  const subscriberKey = verifyingKeyOf(settings.subscriberKey);
  const ids = new KnownIds(hub);
  const readers = new Set<Reader>();
  const failed = (thrown: unknown) =>
    log.warn("An update of a subscription was not published", { reason: reasonOf(thrown) });
  ids
    .ready()
    .catch((thrown: unknown) => log.error("The updates of before cannot be read", { reason: reasonOf(thrown) }));

  const authorityOf = (
    request: Request,
    key: VerifyingKey,
  ): { authority: Authority; isCookie: boolean } | undefined => {
    const shown = shownToken(request);
    if (!shown) return undefined;
    return {
      authority: readAuthority(shown.text, key, clock.now() / 1000, baseOf(request)),
      isCookie: shown.by === "cookie",
    };
  };

  /** Tells what was missed, while the answer is under way, and listens then. */
  const goBack = (matchers: readonly Matcher[], reader: Reader, since: string, endings: (() => void)[]): void => {
    hub.goBack(interestsOf(matchers), reader, since).then(
      ({ seat }) => {
        if (!seat) return;
        if (reader.isOver) seat.leave();
        else endings.push(() => seat.leave());
        reader.arrived();
      },
      (thrown: unknown) => {
        log.error("What a reader missed could not be told", { reason: reasonOf(thrown) });
        reader.end();
      },
    );
  };

  const subscribe = async (request: Request, caller: Caller): Promise<Response> => {
    const authority = authorityOf(request, subscriberKey)?.authority;
    if (!authority && !settings.isAnonymous) {
      throw new Fault(
        "unauthorized",
        "windsock/mercure-no-token",
        "Cannot let you in: no token; show one in the Authorization header, a cookie mercureAuthorization, or the parameter authorization",
      );
    }
    const query = new URL(request.url).searchParams;
    const matchers = matchersOf(query, baseOf(request), settings.maxMatchers);
    const wanted =
      request.headers.get("last-event-id") ||
      query.get("lastEventID") ||
      query.get("last_event_id") ||
      query.get("Last-Event-ID") ||
      undefined;
    const subscriber = authority?.subject ?? `urn:uuid:${crypto.randomUUID()}`;
    const leave = parts.enter(authority?.subject ?? "", parts.addressOf(request, caller));
    const reader = new Reader(matchers, authority?.subscribe ?? [], clock, settings);
    const endings: (() => void)[] = [leave];
    try {
      const since = wanted === undefined ? undefined : ((await ids.positionOf(wanted)) ?? nowhere);
      endings.push(() => reader.end());
      if (since === undefined) {
        const { seat } = await hub.listen(interestsOf(matchers), reader);
        endings.push(() => seat.leave());
      } else {
        goBack(matchers, reader, since, endings);
        await reader.begun;
      }
      const connection = `mercure ${crypto.randomUUID()}`;
      endings.push(hub.attach({ connection, user: authority?.subject ?? "", end: () => reader.end() }));
      if (authority?.endsAt !== undefined)
        endings.push(clock.schedule(authority.endsAt - clock.now(), () => reader.end()));
      const signal = caller.keepOpen();
      const end = () => reader.end();
      signal.addEventListener("abort", end, { once: true });
      endings.push(() => signal.removeEventListener("abort", end));
      if (signal.aborted) end();
      readers.add(reader);
      endings.push(() => readers.delete(reader));
      if (settings.tellsSubscriptions) {
        for (const { text, type } of matchers) {
          const payload = authority?.payloadOf(text);
          const subscription: Subscription = {
            type,
            match: text,
            subscriber,
            ...(payload === undefined ? {} : { payload }),
          };
          endings.push(beginSubscription(hub, subscription, failed));
        }
      }
      const headers = new Headers({
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "private, no-store",
        "X-Accel-Buffering": "no",
      });
      if (wanted !== undefined) headers.set("Last-Event-ID", reader.isWhole ? wanted : "earliest");
      return new Response(sentStreamOf(streaming(reader, endings)), { headers });
    } catch (thrown) {
      for (const ending of endings) ending();
      throw thrown;
    }
  };

  const publish = async (request: Request): Promise<Response> => {
    const shown = authorityOf(request, publisherKey);
    if (!shown) {
      const reason = "no token; show one that was signed with the publishers' key in the Authorization header";
      throw new Fault("unauthorized", "windsock/mercure-no-token", `Cannot publish: ${reason}`);
    }
    const { authority, isCookie } = shown;
    if (isCookie) requireOwnPage(request, settings.origins);
    if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers.get("content-type") ?? "")) {
      throw invalid("wanted Content-Type: application/x-www-form-urlencoded");
    }
    const body = await wholeText(
      { headers: request.headers, body: request.body },
      { clock, maxBytes: settings.maxBodyBytes },
    );
    const update = readForm(new URLSearchParams(body), baseOf(request));
    requireRight(authority, update);
    const content = contentOf(update);
    for (const topic of update.topics) await publishAt(hub, { address: addressOf(topic), content });
    return new Response(update.id, {
      headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" },
    });
  };

  const list = async (request: Request, path: string): Promise<Response> => {
    const authority = authorityOf(request, subscriberKey)?.authority;
    if (!authority) throw new Fault("unauthorized", "windsock/mercure-no-token", "Cannot list subscriptions: no token");
    if (!authority.subscribe.some((matcher) => matcher.matches(path))) {
      const reason = `the token's subscribe selectors do not cover "${path.slice(0, 200)}"`;
      throw new Fault("forbidden", "windsock/mercure-not-yours", `Cannot list subscriptions: ${reason}`);
    }
    await ids.ready();
    const all = listSubscriptions(hub);
    const head = { "@context": "https://mercure.rocks/", lastEventID: ids.newest ?? "earliest" };
    const one = all.find((subscription) => subscriptionPath(subscription) === path);
    if (one) return jsonLd({ ...head, ...subscriptionView(one, true) });
    const isWhole = path === `${hubPath}/subscriptions`;
    const found = all.filter((subscription) => isWhole || subscriptionPath(subscription).startsWith(`${path}/`));
    if (!isWhole && found.length === 0) {
      throw new Fault("missing", "windsock/mercure-missing", "Cannot find the subscription: nobody holds it now");
    }
    const members = found.map((subscription) => subscriptionView(subscription, true));
    return jsonLd({ ...head, id: path, type: "Subscriptions", subscriptions: members });
  };

  const answer = (request: Request, caller: Caller, path: string): Promise<Response> => {
    if (path === hubPath) {
      if (request.method === "GET") return subscribe(request, caller);
      if (request.method === "POST") return publish(request);
    } else if (request.method === "GET" && settings.tellsSubscriptions) return list(request, path);
    if (path !== hubPath && !settings.tellsSubscriptions) {
      throw new Fault("missing", "windsock/mercure-missing", "Cannot list subscriptions: that is switched off here");
    }
    throw new Fault("invalid", "windsock/mercure-method", `Cannot ${request.method} this: wanted GET or POST`, {
      status: 405,
    });
  };

  return {
    takes: (path) =>
      path === hubPath || path === `${hubPath}/subscriptions` || path.startsWith(`${hubPath}/subscriptions/`),
    async handle(request, caller, path) {
      const shared = sharedHeaders(request, settings.origins);
      if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: shared });
      let response: Response;
      try {
        response = await answer(request, caller, path);
      } catch (thrown) {
        response = refusal(toFault(thrown));
        if (!(thrown instanceof Fault)) log.error("A request to the Mercure door failed", { reason: reasonOf(thrown) });
      }
      for (const [name, value] of Object.entries(shared)) response.headers.set(name, value);
      return response;
    },
    // Tokens are the door's own.
    scopeOf: () => undefined,
    fromElsewhere: () => true,
    ownTokens: () => true,
    get figures() {
      return { readers: readers.size };
    },
    stop() {
      ids.stop();
      for (const reader of readers) reader.end();
    },
  };
}

async function* streaming(reader: Reader, endings: (() => void)[]): AsyncGenerator<Uint8Array> {
  try {
    yield* reader.texts();
  } finally {
    for (const ending of endings.splice(0)) ending();
  }
}

/** The hub's URL, as the caller sees it. */
function baseOf(request: Request): string {
  return new URL(hubPath, request.url).href;
}

/** What the parameters ask for. Fault `windsock/mercure-topic` (invalid). */
function matchersOf(query: URLSearchParams, base: string, most: number): Matcher[] {
  const found: Matcher[] = [];
  const types: Readonly<Record<string, MatchType>> = {
    topic: "Topic",
    match: "Exact",
    matchExact: "Exact",
    matchURLPattern: "URLPattern",
    match_urlpattern: "URLPattern",
  };
  for (const [name, text] of query) {
    const type = types[name];
    if (type === undefined) {
      if (!/^match/i.test(name)) continue;
      throw badTopic(`the parameter "${name.slice(0, 50)}" is unknown: wanted match, matchExact or matchURLPattern`);
    }
    try {
      found.push(parseMatcher(type, text, base));
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      throw badTopic(`"${text.slice(0, 100)}": ${thrown.message}`);
    }
  }
  if (found.length === 0) throw badTopic("wanted a parameter topic or match");
  if (found.length > most) throw badTopic(`wanted at most ${most} topics`);
  // Each costs time at every character of every topic that is published.
  const wild = found.reduce((sum, { exact, text }) => sum + (exact === undefined ? wildIn(text) : 0), 0);
  if (wild > mostWild) throw badTopic(`wanted at most ${mostWild} of the signs *, : and { in all topics together`);
  return found;
}

function wildIn(text: string): number {
  return text.match(/[*:{]/g)?.length ?? 0;
}

function interestsOf(matchers: readonly Matcher[]): Interest[] {
  if (matchers.some(({ exact }) => exact === undefined)) return [{ kind: "prefix", prefix: addressLead }];
  return matchers.flatMap(({ exact }): Interest[] =>
    exact === undefined ? [] : [{ kind: "exact", address: addressOf(exact) }],
  );
}

/** The update of a form. Faults `windsock/mercure-update` (invalid), `windsock/mercure-reserved` (forbidden). */
export function readForm(form: URLSearchParams, base: string): Update {
  const topics = [...new Set(form.getAll("topic"))];
  if (topics.length === 0 || topics.length > mostTopics) throw invalid(`wanted 1 to ${mostTopics} fields topic`);
  for (const topic of topics) {
    if (!isTopic(topic)) throw invalid("a topic has 1 to 900 bytes and no control characters");
    if (isReserved(topic, base)) {
      const reason = `"${topic.slice(0, 100)}" is among the hub's own topics`;
      throw new Fault("forbidden", "windsock/mercure-reserved", `Cannot publish: ${reason}`);
    }
  }
  const id = form.get("id") || `urn:uuid:${crypto.randomUUID()}`;
  if (id.length > maxIdLength || !/^[^#\r\n\0][^\r\n\0]*$/.test(id) || id === "earliest") {
    throw invalid(`an id has at most ${maxIdLength} characters, no line breaks, and does not begin with #`);
  }
  const type = form.get("type") ?? "";
  if (type.length > maxIdLength || /[\r\n]/.test(type))
    throw invalid(`a type has at most ${maxIdLength} characters and no line breaks`);
  const retry = form.get("retry") ?? "";
  if (!/^\d{0,15}$/.test(retry)) throw invalid("retry is a whole number of milliseconds");
  return {
    id,
    topics,
    data: form.get("data") ?? "",
    isPrivate: form.has("private"),
    ...(type === "" ? {} : { type }),
    ...(retry === "" ? {} : { retry: Number(retry) }),
  };
}

function isReserved(topic: string, base: string): boolean {
  const url = URL.parse(topic, base);
  if (!url) return false;
  return url.pathname === hubPath || url.pathname.startsWith(`${hubPath}/`);
}

function requireRight({ publish }: Authority, { topics }: Update): void {
  if (publish === undefined) {
    const reason = 'the token allows no publishing: wanted a claim such as {"mercure":{"publish":["*"]}}';
    throw new Fault("forbidden", "windsock/mercure-not-yours", `Cannot publish: ${reason}`);
  }
  const foreign = topics.find((topic) => !publish.some((matcher) => matcher.matches(topic)));
  if (foreign === undefined) return;
  const reason = `the token's publish selectors do not cover "${foreign.slice(0, 200)}"`;
  throw new Fault("forbidden", "windsock/mercure-not-yours", `Cannot publish: ${reason}`);
}

/** A cookie goes along with whatever page sends a form, so the page has to be one that may. */
function requireOwnPage(request: Request, origins: readonly string[]): void {
  const origin = request.headers.get("origin");
  if (origin !== null && (origin === new URL(request.url).origin || isNamed(origin, origins))) return;
  const reason = `the token is in a cookie, and the page's origin ${origin ?? "(none)"} may not publish with it`;
  throw new Fault("forbidden", "windsock/mercure-origin", `Cannot publish: ${reason}`);
}

function isNamed(origin: string, origins: readonly string[]): boolean {
  return origins.some((allowed) => fitsOrigin(origin, allowed));
}

function sharedHeaders(request: Request, origins: readonly string[]): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null) return {};
  const mayShowCookies = isNamed(origin, origins);
  if (!mayShowCookies && origins.length > 0) return {};
  return {
    "Access-Control-Allow-Origin": mayShowCookies ? origin : "*",
    ...(mayShowCookies ? { "Access-Control-Allow-Credentials": "true", Vary: "Origin" } : {}),
    "Access-Control-Allow-Headers": "Authorization, Cache-Control, Content-Type, Last-Event-ID",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Expose-Headers": "Last-Event-ID",
  };
}

function refusal({ code, kind, message, retryAfterMs, status }: Fault): Response {
  const headers = new Headers({ "Content-Type": "application/json", "Cache-Control": "no-store" });
  if (kind === "unauthorized") {
    const error = code === "windsock/mercure-no-token" ? "" : ' error="invalid_token"';
    headers.set("WWW-Authenticate", `Bearer${error}`);
  }
  if (kind === "forbidden") headers.set("WWW-Authenticate", 'Bearer error="insufficient_scope"');
  if (retryAfterMs !== undefined) headers.set("Retry-After", String(Math.ceil(retryAfterMs / 1000)));
  return new Response(`${JSON.stringify({ code, reason: message })}\n`, { status, headers });
}

function jsonLd(value: unknown): Response {
  return new Response(JSON.stringify(value), {
    headers: { "Content-Type": "application/ld+json", "Cache-Control": "no-store" },
  });
}

function badTopic(reason: string): Fault {
  return new Fault("invalid", "windsock/mercure-topic", `Cannot subscribe: ${reason}`);
}

function invalid(reason: string): Fault {
  return new Fault("invalid", "windsock/mercure-update", `Cannot publish: ${reason}`);
}
