/**
 * What hound remembers of a rule, or of one series of it: how it stands and what has been told. It is plain data, kept
 * as JSON, so that a restart or a reload changes nothing. Who writes it: level.ts (how it stands) and telling.ts (what
 * was told).
 */
import { z } from "zod";

const grade = z.enum(["warning", "critical"]);

/** How much a failing is, of a rule with two thresholds. */
export type Grade = z.infer<typeof grade>;

const shape = z.object({
  /** What was measured, after `for` and `keep_firing`. */
  level: z.enum(["Unknown", "OK", "Pending", "Failed"]),
  levelAt: z.number(),
  /** Of a rule with two thresholds, while it is pending or fails: which of them it is past, after `for` and `keep_firing`. */
  grade: grade.optional(),
  gradeAt: z.number().optional(),
  /** What is measured is of the other grade since. */
  turnSinceAt: z.number().optional(),
  /** Stands over the level while it could not be judged. */
  trouble: z.object({ kind: z.enum(["Error", "NoData"]), sinceAt: z.number(), message: z.string() }).optional(),
  judgedAt: z.number().optional(),
  value: z.number().optional(),
  /** Why it fails; of the last failing when it is good again. */
  message: z.string(),
  /** It fails, and is good since; counts for `keep_firing`. */
  goodSinceAt: z.number().optional(),
  /** When it began to fail, the newest few times. */
  failures: z.array(z.number()),
  flappingSinceAt: z.number().optional(),
  /** Since the last recovery that was told. While it is good and this is more than 0, a recovery is owed. */
  toldCount: z.number(),
  lastToldAt: z.number().optional(),
  /** The grade that was told last. */
  toldGrade: grade.optional(),
  /** Who has to hear that it is over. */
  toldTo: z.array(z.string()),
  /** Rises with each thing that is told, for ids of notices. */
  toldEver: z.number(),
  acknowledged: z.object({ by: z.string(), at: z.number(), grade: grade.optional() }).optional(),
  /** It failed in quiet hours and has not been told. */
  heldSinceAt: z.number().optional(),
  /** It came and went in quiet hours. */
  missed: z.object({ fromAt: z.number(), untilAt: z.number(), times: z.number(), message: z.string() }).optional(),
});

/** What is remembered; all instants are epoch ms. Never changed in place. */
export type Memory = z.infer<typeof shape>;

/** What is remembered of what was never judged. */
export function freshMemory(at: number): Memory {
  return { level: "Unknown", levelAt: at, message: "", failures: [], toldCount: 0, toldTo: [], toldEver: 0 };
}

/** The same with no instant later than `at`: a clock that was set back must delay nothing until it is there again. */
export function notAfter(memory: Memory, at: number): Memory {
  const { flappingSinceAt, goodSinceAt, gradeAt, heldSinceAt, judgedAt, lastToldAt, levelAt, trouble, turnSinceAt } =
    memory;
  const optional = { flappingSinceAt, goodSinceAt, gradeAt, heldSinceAt, judgedAt, lastToldAt, turnSinceAt };
  const late = Object.entries(optional).filter(([, instant]) => instant !== undefined && instant > at);
  const isLate =
    late.length > 0 || levelAt > at || (trouble?.sinceAt ?? at) > at || memory.failures.some((one) => one > at);
  if (!isLate) return memory;
  return {
    ...memory,
    ...Object.fromEntries(late.map(([name]) => [name, at])),
    levelAt: Math.min(levelAt, at),
    ...(trouble ? { trouble: { ...trouble, sinceAt: Math.min(trouble.sinceAt, at) } } : {}),
    failures: memory.failures.map((one) => Math.min(one, at)),
  };
}

/** Reads what was kept; undefined when it cannot be understood. */
export function parseMemory(text: string): Memory | undefined {
  try {
    return shape.safeParse(JSON.parse(text)).data;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
