/**
 * What Hakmes does instead of serving, as the predecessor did with HAKMES_SERIALIZE and HAKMES_INGEST: prints all records,
 * or reads records from standard input, and ends. The node holds the data folder meanwhile, so none that serves is
 * disturbed. Standard output has records and nothing else; what went wrong is said on standard error by the log.
 */
import type { Logger } from "../../kit/log.ts";
import type { Catalog } from "./catalog.ts";
import { ingestLines, recordLines } from "./exchange-lines.ts";
import type { Hakmes } from "./hakmes.ts";

/** What an errand stands on. */
export interface ErrandParts {
  readonly hakmes: Hakmes;
  readonly catalog: Pick<Catalog, "all">;
  readonly log: Logger;
}

/** Prints all records. The exit code: 1 when some could not be printed. */
export async function serialize({ hakmes, catalog, log }: ErrandParts, signal: AbortSignal): Promise<number> {
  let failures = 0;
  const lines = recordLines(hakmes, catalog, {
    signal,
    failed(key, reason) {
      failures++;
      log.error("The record of a file could not be written", { key, reason });
    },
    leftOut: (key, reason) => log.warn("A file that is not proven is left out of the records", { key, reason }),
  });
  const out = Bun.stdout.writer();
  for await (const piece of lines) {
    out.write(piece);
    await out.flush();
  }
  await out.end();
  return failures === 0 ? 0 : 1;
}

/** Reads records from standard input. What is no record is skipped and logged, as it was there: the exit code is 0. */
export async function ingest({ hakmes, log }: ErrandParts, signal: AbortSignal): Promise<number> {
  const counts = await ingestLines(Bun.stdin.stream(), hakmes, {
    signal,
    skipped: (line) => log.warn("A line was no record and is skipped", { ...line }),
  });
  log.info("Records were read", { ...counts });
  return 0;
}
