/**
 * `/render?each=1`: many targets in one request, each answered by itself, so that one that cannot be answered harms no
 * other. For the services of the same program, which read measurements by the thousand; Graphite knows nothing like it.
 *
 * `{"answers": [{"series": [as in JSON, …]} | {"error", "kind", "code"}, …]}`, one for each target, in their order.
 */
import { Fault } from "../../kit/fault.ts";
import { evaluateTargets } from "../../lib/graphite/evaluate.ts";
import { jsonPieces } from "../../lib/graphite/render-format.ts";
import { allOf, invalidRender, isAboutTarget, numberOf, rangeOf } from "./ask.ts";
import type { RenderParts } from "./render.ts";
import { storeSource } from "./source.ts";
import { Turns } from "./turns.ts";

const targetsMax = 2000;

/** The answer. Faults as `/render` for what concerns all targets. */
export async function renderEach(
  parameters: URLSearchParams,
  parts: RenderParts,
  signal: AbortSignal,
): Promise<Response> {
  const { bounds, clock } = parts;
  const range = rangeOf(parameters, clock);
  const maxDataPoints = numberOf(parameters, "maxDataPoints");
  const targets = parameters.getAll("target");
  if (allOf(parameters, "target").length > targetsMax) throw invalidRender(`more than ${targetsMax} targets at once`);
  const turns = parts.turns ?? new Turns(clock);
  const source = storeSource(parts.store, parts.events, range.nowSeconds, turns);
  const startedMs = clock.monotonicMs();
  const answers: string[] = [];
  // One bound for all of the targets, as all answers are in memory together.
  let pointsLeft = bounds.maxPoints;
  for (const target of targets) {
    const turn = turns.next();
    if (turn) await turn;
    if (signal.aborted) throw new Fault("invalid", "series/left", "Cannot answer: the connection was closed meanwhile");
    try {
      const series = await evaluateTargets([target], {
        source,
        ...range,
        maxSeries: bounds.maxSeries,
        maxPoints: pointsLeft,
        isOver: () => signal.aborted || clock.monotonicMs() - startedMs > bounds.timeoutMs,
        signal,
        turn: () => turns.next(),
      });
      pointsLeft -= series.reduce((sum, { values }) => sum + Math.min(values.length, maxDataPoints ?? Infinity), 0);
      const body: string[] = [];
      for (const piece of jsonPieces(series, maxDataPoints === undefined ? {} : { maxDataPoints })) {
        body.push(piece);
        const other = turns.next();
        if (other) await other;
      }
      answers.push(`{"series": ${body.join("")}}`);
    } catch (thrown) {
      if (signal.aborted) continue;
      answers.push(JSON.stringify(refusalOf(thrown)));
    }
  }
  return new Response(`{"answers": [${answers.join(", ")}]}`, {
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
  });
}

/** What a target that cannot be answered says. Throws what is a bug. */
function refusalOf(thrown: unknown): { error: string; kind: string; code: string } {
  if (isAboutTarget(thrown)) return { error: thrown.message, kind: "invalid", code: "series/render" };
  if (thrown instanceof Fault) return { error: thrown.message, kind: thrown.kind, code: thrown.code };
  throw thrown;
}
