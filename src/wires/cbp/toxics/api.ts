/**
 * Toxiproxy's HTTP API, version 2, as its clients speak it: paths, fields, statuses, and errors as `{"error", "status"}`. It
 * has no accounts, as Toxiproxy has none, and can make proxies to anywhere; therefore it has an address of its own, is off
 * unless switched on, and refuses browsers.
 */
import type { Address } from "../../../kit/config/address.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import { badBody, fieldsOf } from "./toxic.ts";
import { ToxicError } from "./toxic-error.ts";
import type { ProxyView, Yard } from "./yard.ts";

/** The version of Toxiproxy whose API this is. */
const version = "2.12.0";
const maxBodyBytes = 1 << 20;

/** What the API needs. */
export interface ToxicApiParts {
  readonly yard: Yard;
  readonly log: Logger;
  /** Told in a sentence what somebody changed. */
  wanted(sentence: string): void;
}

/** An API that listens. */
export interface RunningToxicApi {
  readonly address: Address;
  stop(): Promise<void>;
}

/** Listens. Faults: `cbp/toxics` (unavailable) when the address cannot be had. */
export function serveToxics(at: Address, parts: ToxicApiParts): RunningToxicApi {
  const answer = toxicRoutes(parts);
  try {
    const server = Bun.serve({
      hostname: at.host,
      port: at.port,
      maxRequestBodySize: maxBodyBytes,
      idleTimeout: 60,
      fetch: answer,
    });
    return { address: { host: at.host, port: server.port ?? at.port }, stop: () => server.stop(true) };
  } catch (thrown) {
    throw new Fault("unavailable", "cbp/toxics", `Cannot listen for toxics on port ${at.port}: ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** The routes, as a function from request to answer. */
export function toxicRoutes(parts: ToxicApiParts): (request: Request) => Promise<Response> {
  const { log, yard } = parts;
  // One change after the other, or two that make the same proxy would both find that there is none.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Value>(change: () => Promise<Value>): Promise<Value> => {
    const next = last.then(change);
    last = next.catch(() => undefined);
    return next;
  };
  return async (request) => {
    try {
      refuseBrowsers(request);
      const path = pathOf(request);
      return request.method === "GET"
        ? look(yard, path)
        : await change(request, path, (sentence, make) => {
            parts.wanted(`The API of toxics ${sentence}`);
            return inTurn(make);
          });
    } catch (thrown) {
      if (thrown instanceof ToxicError) return json({ error: thrown.message, status: thrown.status }, thrown.status);
      log.error("A request about toxics failed", { reason: reasonOf(thrown) });
      return json({ error: "internal error", status: 500 }, 500);
    }
  };

  async function change(
    request: Request,
    [first = "", name = "", third = "", toxic = ""]: readonly string[],
    run: (sentence: string, make: () => Promise<Response>) => Promise<Response>,
  ): Promise<Response> {
    const { method } = request;
    const level = [first, name, third, toxic].filter((part) => part !== "").length;
    const isChange = method === "POST" || method === "PATCH";
    if (method === "POST" && first === "reset" && level === 1) {
      return run("takes all toxics away", async () => {
        yard.reset();
        return nothing();
      });
    }
    if (method === "POST" && first === "populate" && level === 1) {
      return run("makes proxies", async () => populate(yard, request));
    }
    if (first !== "proxies" || (third !== "" && third !== "toxics")) throw new ToxicError("404 page not found", 404);
    const about = toxic === "" ? `"${name}"` : `"${toxic}" of "${name}"`;
    if (method === "POST" && level === 1) {
      const body = await bodyOf(request);
      return run("makes a proxy", async () => json(await yard.create(body), 201));
    }
    if (isChange && level === 2) {
      const body = await bodyOf(request);
      return run(`changes ${about}`, async () => json(await yard.change(name, body)));
    }
    if (method === "DELETE" && level === 2) {
      return run(`removes ${about}`, async () => {
        await yard.remove(name);
        return nothing();
      });
    }
    if (method === "POST" && level === 3) {
      const body = await bodyOf(request);
      return run(`adds a toxic to ${about}`, async () => json(yard.toxics(name).add(body)));
    }
    if (isChange && level === 4) {
      const body = await bodyOf(request);
      return run(`changes ${about}`, async () => json(yard.toxics(name).change(toxic, body)));
    }
    if (method === "DELETE" && level === 4) {
      return run(`removes ${about}`, async () => {
        yard.toxics(name).remove(toxic);
        return nothing();
      });
    }
    throw new ToxicError("method not allowed", 405);
  }
}

function look(yard: Yard, [first = "", name = "", third = "", toxic = "", more]: readonly string[]): Response {
  if (first === "proxies" && name === "") return json(Object.fromEntries(yard.all.map((view) => [view.name, view])));
  if (first === "proxies" && third === "") return json(yard.view(name));
  if (first === "proxies" && third === "toxics" && more === undefined)
    return json(toxic === "" ? yard.toxics(name).all : yard.toxics(name).get(toxic));
  if (first === "version" && name === "")
    return new Response(`{"version": "${version}"}\n`, {
      headers: { "Content-Type": "application/json;charset=utf-8" },
    });
  if (first === "metrics" && name === "")
    return new Response(metricsOf(yard), { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } });
  throw new ToxicError("404 page not found", 404);
}

async function populate(yard: Yard, request: Request): Promise<Response> {
  try {
    return json({ proxies: await yard.populate(await bodyOf(request)) }, 201);
  } catch (thrown) {
    if (!(thrown instanceof ToxicError)) throw thrown;
    return json({ error: thrown.message, status: thrown.status, proxies: null }, thrown.status);
  }
}

/** Bytes that came in, by proxy and direction, under Toxiproxy's name. */
function metricsOf(yard: Yard): string {
  const name = "toxiproxy_proxy_received_bytes_total";
  const lines = yard.all.flatMap((view) => {
    const { down, up } = yard.proxy(view.name).bytes();
    return [`${name}{${labelsOf(view, "upstream")}} ${up}`, `${name}{${labelsOf(view, "downstream")}} ${down}`];
  });
  return [`# HELP ${name} Bytes that a proxy received`, `# TYPE ${name} counter`, ...lines, ""].join("\n");
}

function labelsOf({ listen, name, upstream }: ProxyView, direction: string): string {
  return Object.entries({ direction, listener: listen, proxy: name, upstream })
    .map(([key, value]) => `${key}="${value.replaceAll(/[\\"\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`))}"`)
    .join(",");
}

/** A page that somebody has open must not be able to open ports here. */
function refuseBrowsers({ headers }: Request): void {
  if (headers.get("user-agent")?.startsWith("Mozilla/") === true || headers.has("origin"))
    throw new ToxicError("User agent not allowed", 403);
}

function pathOf(request: Request): string[] {
  try {
    return new URL(request.url).pathname.split("/").slice(1).map(decodeURIComponent);
  } catch (thrown) {
    if (!(thrown instanceof URIError)) throw thrown;
    throw new ToxicError("404 page not found", 404);
  }
}

async function bodyOf(request: Request): Promise<unknown> {
  try {
    const body: unknown = JSON.parse(await request.text());
    if (!Array.isArray(body)) fieldsOf(body);
    return body;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw badBody(thrown.message);
  }
}

function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });
}

function nothing(): Response {
  return new Response(null, { status: 204 });
}
