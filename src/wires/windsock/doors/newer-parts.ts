/**
 * What the newer doors stand on together.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Envelope, Publication } from "../publication.ts";
import type { Admission } from "./admission.ts";
import type { DoorLimits } from "./limits.ts";
import type { Pulse } from "./pulse.ts";
import type { Rights } from "./rights.ts";
import type { Roster } from "./roster.ts";
import type { PlacedHub } from "./subscriber.ts";

/** Something that stays open and is ended when the server stops. */
export interface Stoppable {
  stop(): void;
}

/** See the file's head. */
export interface NewerParts {
  readonly hub: PlacedHub;
  readonly admission: Admission;
  readonly roster: Roster;
  readonly limits: DoorLimits;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly log: Logger;
  /** A connection hears something at least this often, ms. */
  readonly pingMs: number;
  /** Whether websockets compress for those who can. */
  readonly deflate: boolean;
  /** What is open. */
  readonly connections: Set<Stoppable>;
  /** Publishes, and tells whoever wants to know by whom. */
  publish(envelope: Envelope, user: string): Promise<Publication>;
  /** Whether rights that were good may still be used. */
  isGood(rights: Rights): boolean;
}
