/**
 * DogStatsD's two kinds of line that are not metrics: events, whose lengths are counted in bytes of UTF-8 so that texts may
 * hold anything, and service checks.
 */
import { cleanName, fullTag, withTags } from "./clean.ts";
import type { SentCheck, SentEvent, Sink } from "./sink.ts";

const eventHead = /^_e\{(\d{1,6}),(\d{1,6})\}:/;

/** Reads `_e{5,4}:title|text|…`. */
export function readEvent(line: string, sink: Sink): void {
  const head = eventHead.exec(line);
  if (!head) return sink.bad(line, "it is no event: wanted _e{title length,text length}:title|text");
  const bytes = Buffer.from(line.slice(head[0].length), "utf8");
  const titleEnd = Number(head[1]);
  const textEnd = titleEnd + 1 + Number(head[2]);
  if (textEnd > bytes.length || bytes[titleEnd] !== 0x7c || (textEnd < bytes.length && bytes[textEnd] !== 0x7c)) {
    return sink.bad(line, "the lengths of its title and text are wrong");
  }
  const event: SentEvent = {
    title: bytes.toString("utf8", 0, titleEnd),
    text: bytes.toString("utf8", titleEnd + 1, textEnd).replaceAll("\\n", "\n"),
    atSeconds: undefined,
    host: "",
    kind: "info",
    priority: "normal",
    aggregationKey: "",
    source: "",
    tags: [],
  };
  if (event.title === "") return sink.bad(line, "its title is empty");
  for (const field of bytes.toString("utf8", textEnd + 1).split("|")) {
    const value = field.slice(2);
    if (field[0] === "#") event.tags = tagsOf(field);
    else if (field.startsWith("d:")) event.atSeconds = instantOf(value);
    else if (field.startsWith("h:")) event.host = value;
    else if (field.startsWith("k:")) event.aggregationKey = value;
    else if (field.startsWith("s:")) event.source = value;
    else if (field.startsWith("p:")) event.priority = value === "low" ? "low" : "normal";
    else if (field.startsWith("t:"))
      event.kind = (["warning", "error", "success"] as const).find((kind) => kind === value) ?? "info";
  }
  sink.event(event);
}

/** Reads `_sc|name|status|…`. */
export function readCheck(line: string, sink: Sink): void {
  const [, rawName = "", statusText = "", ...fields] = line.split("|");
  const status = ([0, 1, 2, 3] as const).find((known) => String(known) === statusText);
  const name = cleanName(rawName).replace(/[;=]/g, "_");
  if (name === "") return sink.bad(line, "it has no name");
  if (status === undefined) return sink.bad(line, "its status is not 0, 1, 2 or 3");
  const check: SentCheck = { name, status, atSeconds: undefined, host: "", message: "" };
  let tags: string[] = [];
  for (const [at, field] of fields.entries()) {
    if (field[0] === "#") tags = tagsOf(field);
    else if (field.startsWith("d:")) check.atSeconds = instantOf(field.slice(2));
    else if (field.startsWith("h:")) check.host = field.slice(2);
    else if (field.startsWith("m:")) {
      // The last field, which may itself hold bars.
      check.message = fields.slice(at).join("|").slice(2).replaceAll("\\n", "\n");
      break;
    }
  }
  check.name = withTags(name, tags);
  sink.check(check);
}

function tagsOf(field: string): string[] {
  return field
    .slice(1)
    .split(",")
    .filter((tag) => tag !== "")
    .map(fullTag)
    .filter((tag) => tag !== "");
}

function instantOf(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
