/**
 * The figures of resumable uploads and what they are where nobody says otherwise.
 */

/** Figures of resumable uploads; all but the first three have defaults that suit everybody. */
export interface TusLimits {
  /** The longest file. */
  readonly maxBytes: number;
  /** An upload to which nothing came for this long is ended; one that is finished is remembered for as long. */
  readonly keepMs: number;
  /** The most uploads that are unfinished at a time. */
  readonly maxUnfinished: number;
  /** A sender who is silent for this long is cut off. @default 30_000 */
  readonly senderIdleMs?: number;
  /** An intake without a request is let go of after this. @default 60_000 */
  readonly idleMs?: number;
  /** Intakes in use at a time; more requests are refused. @default 64 */
  readonly busyMax?: number;
  /** Intakes that are kept without a request. @default 16 */
  readonly idleMax?: number;
  /** A holder that moved no byte for this long may be ended by another request. @default 1000 */
  readonly silentMs?: number;
  /** How long a request waits for an upload that is held. @default 8000 */
  readonly patienceMs?: number;
  /** While a request is under way, what came of it is brought to disk this often. @default 2000 */
  readonly checkpointMs?: number;
  /** How long a concatenation is waited for before it is answered as under way. @default 120_000 */
  readonly joinWaitMs?: number;
}

/** The limits with every default in its place. */
export function withDefaults(limits: TusLimits): Required<TusLimits> {
  return {
    senderIdleMs: 30_000,
    idleMs: 60_000,
    busyMax: 64,
    idleMax: 16,
    silentMs: 1000,
    patienceMs: 8000,
    checkpointMs: 2000,
    joinWaitMs: 120_000,
    ...limits,
  };
}
