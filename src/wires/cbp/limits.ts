/**
 * Who may connect how often, and how many at once: rates as buckets of tokens, for a proxy and for each client address.
 * Pure rules; an address is remembered while it is connected or its bucket is not full, and the memory is bounded.
 */

/** The numbers; 0 is no limit. */
export interface LimitSettings {
  /** New connections a second, and as many at once after a pause. */
  readonly rate: number;
  readonly ratePerClient: number;
  readonly maxPerClient: number;
}

/** Addresses that are remembered at most; beyond them a new one is treated as if it had come before. */
const clientsMax = 100_000;

interface Client {
  active: number;
  tokens: number;
  atMs: number;
}

/** The limits of a proxy. */
export class Limits {
  readonly #settings: LimitSettings;
  readonly #clients = new Map<string, Client>();
  readonly #whole: Client;
  readonly #countsClients: boolean;

  constructor(settings: LimitSettings, nowMs: number) {
    this.#settings = settings;
    this.#whole = { active: 0, tokens: Math.max(1, settings.rate), atMs: nowMs };
    this.#countsClients = settings.ratePerClient > 0 || settings.maxPerClient > 0;
  }

  /** Addresses in memory. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Lets a connection in, which has to be given back with {@link leave}; or the limit that stands against it. */
  enter(address: string, nowMs: number): "rate" | "client-rate" | "client-connections" | undefined {
    const { maxPerClient, rate, ratePerClient } = this.#settings;
    let client: Client | undefined;
    if (this.#countsClients) {
      client = this.#clientOf(address, nowMs);
      if (maxPerClient > 0 && client.active >= maxPerClient) return "client-connections";
      if (ratePerClient > 0 && !hasToken(client, ratePerClient, nowMs)) return "client-rate";
    }
    if (rate > 0) {
      if (!hasToken(this.#whole, rate, nowMs)) return "rate";
      this.#whole.tokens--;
    }
    if (client) {
      client.tokens--;
      client.active++;
    }
    return undefined;
  }

  /** A connection that was let in is over. */
  leave(address: string): void {
    const client = this.#clients.get(address);
    if (client === undefined) return;
    client.active--;
    if (client.active <= 0 && this.#settings.ratePerClient === 0) this.#clients.delete(address);
  }

  #clientOf(address: string, nowMs: number): Client {
    const known = this.#clients.get(address);
    if (known) return known;
    if (this.#clients.size >= clientsMax) this.#forget(nowMs);
    const client = { active: 0, tokens: Math.max(1, this.#settings.ratePerClient), atMs: nowMs };
    if (this.#clients.size >= clientsMax) client.tokens = 1;
    else this.#clients.set(address, client);
    return client;
  }

  /** Drops those that are as if they had never come. */
  #forget(nowMs: number): void {
    const { ratePerClient } = this.#settings;
    for (const [address, client] of this.#clients) {
      if (client.active > 0) continue;
      if (client.tokens + ((nowMs - client.atMs) / 1000) * ratePerClient >= ratePerClient)
        this.#clients.delete(address);
    }
  }
}

function hasToken(client: Client, rate: number, nowMs: number): boolean {
  client.tokens = Math.min(Math.max(1, rate), client.tokens + ((nowMs - client.atMs) / 1000) * rate);
  client.atMs = nowMs;
  return client.tokens >= 1;
}
