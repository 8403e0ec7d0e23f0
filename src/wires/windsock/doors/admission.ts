/**
 * Who may come in by the newer doors: from which page, with which token, or by the node's own tokens; how many; and what
 * the application says, where it is asked. One place, so that all doors judge alike.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Caller } from "../../../kit/service.ts";
import type { Limits } from "../limits.ts";
import { fitsOrigin } from "./origin.ts";
import type { Rights, TokenDesk } from "./rights.ts";
import type { Entry, Roster } from "./roster.ts";
import type { Webhooks } from "./webhooks.ts";

/** What is asked. */
export interface AdmissionParts {
  desk: TokenDesk;
  limits: Limits;
  roster: Roster;
  webhooks: Webhooks | undefined;
  /** Origins whose pages may come, `https://*.example` for all below; empty for all. */
  origins: readonly string[];
  clock: Clock;
  addressOf(request: Request, caller: Caller): string;
  /** See DoorParts. */
  seenOf(request: Request, caller: Caller): string;
}

/** The header that carries a token where a query would end in logs. */
export const tokenHeader = "X-Windsock-Token";

const everything = [{ kind: "prefix" as const, prefix: "" }];

/** See the file's head. */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  get clock(): Clock {
    return this.#parts.clock;
  }

  /** Fault `windsock/origin` (forbidden) for a page of a site that is not among those that may come. */
  requireOrigin(request: Request): void {
    const foreign = foreignOrigin(request, this.#parts.origins);
    if (foreign === undefined) return;
    throw new Fault(
      "forbidden",
      "windsock/origin",
      `Cannot let you in: pages of "${foreign.slice(0, 200)}" are not among those that may connect`,
    );
  }

  /** The token that a request shows, or none. */
  tokenOf(request: Request, query: URLSearchParams): string | undefined {
    return request.headers.get(tokenHeader) ?? query.get("token") ?? undefined;
  }

  /**
   * What a token allows or, where none is shown, what the node's own tokens do: `write` to publish anywhere, `admin` to
   * hear everything. Faults of {@link TokenDesk.read}.
   */
  rights(token: string | undefined, caller: Caller, seen: string): Rights {
    if (token !== undefined || !caller.may("write")) return this.#parts.desk.read(token ?? "", seen);
    const mayHear = caller.may("admin");
    return {
      user: "",
      subscribe: mayHear ? everything : [],
      publish: everything,
      stillGood: () => caller.may(mayHear ? "admin" : "write"),
    };
  }

  /** A token read again, for a connection that goes on. */
  renewed(token: string, seen: string): Rights {
    return this.#parts.desk.read(token, seen);
  }

  /**
   * Lets a connection in and enters it until {@link exit}; its user and address stay what they are. Faults:
   * `windsock/too-many`, `windsock/refused`, `windsock/webhook`.
   */
  async enter(entry: Entry): Promise<void> {
    const { limits, roster, webhooks } = this.#parts;
    const { address, connection, transport, user } = entry;
    limits.enter(user, address);
    try {
      if (webhooks) await webhooks.mayConnect({ connection, user, address, transport });
    } catch (thrown) {
      limits.leave(user, address);
      throw thrown;
    }
    roster.enter(entry);
  }

  /** Somebody came who has yet to say who they are, until {@link leaveGuest}. Fault `windsock/too-many`. */
  enterGuest(address: string): void {
    this.#parts.limits.enterGuest(address);
  }

  /** They said it, or left. */
  leaveGuest(address: string): void {
    this.#parts.limits.leaveGuest(address);
  }

  /** Takes a connection out again; nothing for one that is not in. */
  exit(entry: Entry): void {
    const { clock, limits, roster, webhooks } = this.#parts;
    if (!roster.exit(entry)) return;
    const { address, connection, transport, user } = entry;
    limits.leave(user, address);
    // A poll comes and goes every time.
    if (transport !== "poll") webhooks?.tell({ kind: "disconnect", at: clock.now(), user, connection });
  }

  addressOf(request: Request, caller: Caller): string {
    return this.#parts.addressOf(request, caller);
  }

  seenOf(request: Request, caller: Caller): string {
    return this.#parts.seenOf(request, caller);
  }
}

/** A name for a connection that nobody guesses. */
export function newConnection(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString("hex");
}

/** The origin of a request where it is that of a page that may not come; `origins` empty lets all come. */
export function foreignOrigin(request: Request, origins: readonly string[]): string | undefined {
  const origin = request.headers.get("origin");
  if (origin === null || origins.length === 0 || isOwn(origin, request)) return undefined;
  return origins.some((allowed) => fitsOrigin(origin, allowed)) ? undefined : origin;
}

function isOwn(origin: string, request: Request): boolean {
  const host = request.headers.get("host");
  const parsed = URL.parse(origin);
  return parsed !== null && host !== null && parsed.host === host.toLowerCase();
}
