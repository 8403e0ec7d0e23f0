/**
 * How much one connection by the newer doors may take, as values that clients are told when they connect. How many
 * connections there may be is said in ../limits.ts, for all doors together.
 */

/** Bounds of one connection. */
export interface DoorLimits {
  /** Topics that it may hear at a time, and addresses it may be at or watch. */
  topics: number;
  /** How fast it may send commands and messages; 0 is no limit. */
  messagesPerSecond: number;
  /** How many it may send at once after a silence. */
  messagesBurst: number;
  /** A longer command ends its connection. */
  commandBytes: number;
  /** What may wait for a client that does not take it; beyond, its connection ends and it goes on by its position. */
  waitingBytes: number;
  /** Publications that one question for history may ask for. */
  historyCount: number;
  /** About as much of them is told at once; the newest one always is. */
  historyBytes: number;
  /** About as much of those who are present is told at once. */
  presenceBytes: number;
}

/** What holds where nothing is said. */
export const usualLimits: DoorLimits = {
  topics: 100,
  messagesPerSecond: 100,
  messagesBurst: 500,
  commandBytes: 1_048_576,
  waitingBytes: 1_048_576,
  historyCount: 1000,
  historyBytes: 4_194_304,
  presenceBytes: 262_144,
};
