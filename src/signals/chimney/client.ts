/** How other services ask Chimney how its checks are: over a fetch, in the same program or across the network. */
import { z } from "zod";

/** The way to Chimney. */
export interface ChimneyWay {
  /** Where its routes begin, without a slash at the end. */
  baseUrl: string;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const checkShape = z.object({
  name: z.string(),
  level: z.enum(["unknown", "up", "down"]),
  sinceAt: z.number(),
  askedAt: z.number().optional(),
});
const daysShape = z.object({ at: z.number(), runs: z.number(), bad: z.number() });
const historyShape = z.object({ checks: z.array(checkShape.extend({ days: z.array(daysShape) })) });

/** A check and its days, oldest first; `at` is the day's beginning in UTC, epoch ms. Days without any asking are left out. */
export type CheckHistory = z.infer<typeof historyShape>["checks"][number];

/** An answer of Chimney that is none; the message has its words. */
export class ChimneyRefusal extends Error {
  readonly status: number;

  constructor(status: number, words: string) {
    super(`Chimney answered ${status}: ${words.slice(0, 500)}`);
    this.status = status;
  }
}

/** A client. Methods throw {@link ChimneyRefusal}, and what fetch throws. */
export class ChimneyClient {
  readonly #way: ChimneyWay;

  constructor(way: ChimneyWay) {
    this.#way = way;
  }

  /** The named checks that there are, with their last `days` days. */
  async history(names: readonly string[], days: number, signal?: AbortSignal): Promise<CheckHistory[]> {
    const query = new URLSearchParams({ days: String(days) });
    for (const name of names) query.append("check", name);
    const answer = await this.#way.fetch(`${this.#way.baseUrl}/history.json?${query}`, {
      headers: { Accept: "application/json" },
      ...(signal ? { signal } : {}),
    });
    const body = await answer.text();
    if (!answer.ok) throw new ChimneyRefusal(answer.status, body);
    const parsed = historyShape.safeParse(JSON.parse(body));
    if (!parsed.success) throw new ChimneyRefusal(answer.status, "its answer cannot be read");
    return parsed.data.checks;
  }
}
