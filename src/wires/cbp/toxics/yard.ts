/**
 * The proxies that the API of toxics speaks of: those of the configuration, which it can switch off and on and put toxics
 * into, and those that a client made, which it can also move and remove. The latter have no breaker, as Toxiproxy has none,
 * and are gone with the program.
 */
import type { Clock } from "../../../kit/clock.ts";
import { type Address, formatAddress, parseAddress } from "../../../kit/config/address.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Random } from "../../../kit/random.ts";
import type { Connection } from "../connection.ts";
import type { ProxyDefaults, ProxyPlan } from "../plan.ts";
import type { Proxy } from "../proxy.ts";
import { badBody, fieldsOf, type Toxic } from "./toxic.ts";
import { ToxicError } from "./toxic-error.ts";
import { ToxicSet } from "./toxic-set.ts";

/** What a yard needs. */
export interface YardParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Those of the configuration. */
  readonly configured: readonly Proxy[];
  readonly defaults: ProxyDefaults;
  /** Makes a proxy that does not listen yet. */
  make(plan: ProxyPlan, prepare: (connection: Connection) => void): Proxy;
}

/** A proxy as the API shows it. */
export interface ProxyView {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
  readonly toxics: readonly Toxic[];
}

interface Wish {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
}

interface Faulty {
  proxy: Proxy;
  /** As it was asked for. */
  listen: string;
  upstream: string;
  readonly isConfigured: boolean;
  readonly toxics: ToxicSet;
}

/** How many proxies clients may make. */
const madeMax = 1000;

/** The proxies by name. */
export class Yard {
  readonly #parts: YardParts;
  readonly #faulty = new Map<string, Faulty>();

  constructor(parts: YardParts) {
    this.#parts = parts;
    for (const proxy of parts.configured) {
      const { listen, name, upstreams } = proxy.plan;
      this.#faulty.set(name, {
        proxy,
        listen: formatAddress(listen),
        upstream: upstreams.map(({ address }) => formatAddress(address)).join(","),
        isConfigured: true,
        toxics: this.#toxicsOf(name),
      });
    }
  }

  /** All of them, in order of their making. */
  get all(): readonly ProxyView[] {
    return [...this.#faulty.values()].map(viewOf);
  }

  /** Names of those that have toxics. */
  get afflicted(): readonly string[] {
    return this.all.filter(({ toxics }) => toxics.length > 0).map(({ name }) => name);
  }

  /** The proxies that clients made. */
  get made(): readonly Proxy[] {
    return [...this.#faulty.values()].filter(({ isConfigured }) => !isConfigured).map(({ proxy }) => proxy);
  }

  /** A proxy, whoever made it. Throws {@link ToxicError} where there is none. */
  proxy(name: string): Proxy {
    return this.#get(name).proxy;
  }

  /** Throws {@link ToxicError} where there is none of that name. */
  view(name: string): ProxyView {
    return viewOf(this.#get(name));
  }

  /** The toxics of a proxy. Throws {@link ToxicError} where there is none of that name. */
  toxics(name: string): ToxicSet {
    return this.#get(name).toxics;
  }

  /** A proxy of the configuration has taken a connection. */
  prepare(proxy: Proxy, connection: Connection): void {
    this.#faulty.get(proxy.plan.name)?.toxics.prepare(connection);
  }

  /** Makes one by what a client sent. Throws {@link ToxicError}. */
  async create(body: unknown): Promise<ProxyView> {
    const wish = wishOf(fieldsOf(body));
    if (this.#faulty.has(wish.name)) throw new ToxicError("proxy already exists", 409);
    return viewOf(await this.#make(wish));
  }

  /** Moves one, or switches it on or off; all its connections are closed when it is moved or off. Throws {@link ToxicError}. */
  async change(name: string, body: unknown): Promise<ProxyView> {
    const faulty = this.#get(name);
    const { enabled, listen, upstream } = viewOf(faulty);
    await this.#apply(faulty, wishOf({ listen, upstream, enabled, ...fieldsOf(body), name }));
    return this.view(name);
  }

  /** Throws {@link ToxicError} where there is none, or it is of the configuration. */
  async remove(name: string): Promise<void> {
    const { isConfigured, proxy, toxics } = this.#get(name);
    if (isConfigured) throw configured(name, "removed");
    this.#faulty.delete(name);
    toxics.clear();
    await proxy.stop(0);
  }

  /** Makes all in a list, or leaves those that are there as they are wanted. Throws {@link ToxicError} before anything is done. */
  async populate(body: unknown): Promise<ProxyView[]> {
    if (!Array.isArray(body)) throw badBody("wanted a list");
    const wishes = body.map((item: unknown, index) => wishOf(fieldsOf(item), ` at proxy ${index + 1}`));
    const names = new Set(wishes.map(({ name }) => name));
    if (names.size < wishes.length) throw badBody("wanted each name once");
    for (const wish of wishes) {
      const there = this.#faulty.get(wish.name);
      if (there?.isConfigured === true && isMoved(there, wish)) throw configured(wish.name, "moved");
    }
    for (const wish of wishes) {
      const there = this.#faulty.get(wish.name);
      if (there && isMoved(there, wish)) await this.remove(wish.name);
      if (there && !isMoved(there, wish)) await this.#apply(there, wish);
      else await this.#make(wish);
    }
    return wishes.map(({ name }) => this.view(name));
  }

  /** Switches all on and takes all toxics away. */
  reset(): void {
    for (const { proxy, toxics } of this.#faulty.values()) {
      toxics.clear();
      listen(proxy);
    }
  }

  /** Ends those that clients made, and every toxic. */
  async stop(): Promise<void> {
    for (const { toxics } of this.#faulty.values()) toxics.clear();
    await Promise.all(this.made.map((proxy) => proxy.stop(0)));
  }

  #get(name: string): Faulty {
    const faulty = this.#faulty.get(name);
    if (faulty === undefined) throw new ToxicError("proxy not found", 404);
    return faulty;
  }

  #toxicsOf(name: string): ToxicSet {
    const { clock, random } = this.#parts;
    return new ToxicSet({ clock, random, connections: () => this.#get(name).proxy.connections() });
  }

  async #make(wish: Wish): Promise<Faulty> {
    if (this.made.length >= madeMax) throw new ToxicError(`too many proxies: ${madeMax} at most`, 400);
    const toxics = this.#toxicsOf(wish.name);
    const proxy = await this.#open(wish, toxics);
    const faulty: Faulty = { proxy, listen: wish.listen, upstream: wish.upstream, isConfigured: false, toxics };
    this.#faulty.set(wish.name, faulty);
    return faulty;
  }

  async #apply(faulty: Faulty, wish: Wish): Promise<void> {
    if (isMoved(faulty, wish)) {
      if (faulty.isConfigured) throw configured(wish.name, "moved");
      await faulty.proxy.stop(0);
      faulty.proxy = await this.#open(wish, faulty.toxics);
      faulty.listen = wish.listen;
      faulty.upstream = wish.upstream;
    } else if (wish.enabled) listen(faulty.proxy);
    else await faulty.proxy.drain(0);
  }

  async #open(wish: Wish, toxics: ToxicSet): Promise<Proxy> {
    const proxy = this.#parts.make(this.#planOf(wish), (connection) => toxics.prepare(connection));
    for (const { breaker } of proxy.upstreams) breaker.force("disabled", "the API of toxics");
    try {
      if (wish.enabled) listen(proxy);
      await proxy.resolve();
    } catch (thrown) {
      await proxy.stop(0);
      throw thrown;
    }
    return proxy;
  }

  #planOf({ listen: at, name, upstream }: Wish): ProxyPlan {
    const address = addressIn("upstream", upstream);
    return {
      ...this.#parts.defaults,
      check: undefined,
      refusal: "close",
      ejectAfter: 0,
      name,
      listen: addressIn("listen", at === "" ? "127.0.0.1:0" : at),
      upstreams: [{ name: upstream, address, isFallback: false, maxConnections: 0 }],
    };
  }
}

function viewOf({ listen: wanted, proxy, toxics, upstream }: Faulty): ProxyView {
  return {
    name: proxy.plan.name,
    listen: proxy.port === 0 ? wanted : proxy.address,
    upstream,
    enabled: proxy.isListening,
    toxics: toxics.all,
  };
}

function isMoved(faulty: Faulty, { listen: wanted, upstream }: Wish): boolean {
  const isThere = [faulty.listen, faulty.proxy.address].some((known) => known === wanted);
  return !isThere || faulty.upstream !== upstream;
}

function wishOf(fields: Readonly<Record<string, unknown>>, where = ""): Wish {
  const { enabled = true, listen: at = "", name = "", upstream = "" } = fields;
  if (typeof enabled !== "boolean") throw badBody("enabled: wanted true or false");
  for (const [key, value] of Object.entries({ name, listen: at, upstream })) {
    if (typeof value !== "string" || value.length > 256) throw badBody(`${key}: wanted a text of 256 at most`);
  }
  for (const [key, value] of Object.entries({ name, upstream })) {
    if (value === "") throw new ToxicError(`missing required field: ${key}${where}`, 400);
  }
  return { name: String(name), listen: String(at), upstream: String(upstream), enabled };
}

/** An address as Go writes it: without a host it is every one of this machine. */
function addressIn(key: string, text: string): Address {
  try {
    return parseAddress(text.startsWith(":") ? `[::]${text}` : text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw badBody(`${key}: ${thrown.message}`);
  }
}

/** What cannot be listened on is Toxiproxy's own kind of failure. */
function listen(proxy: Proxy): void {
  try {
    proxy.listen();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new ToxicError(thrown.message, 500);
  }
}

function configured(name: string, what: string): ToxicError {
  return new ToxicError(`proxy "${name}" stands in the configuration and cannot be ${what}`, 409);
}
