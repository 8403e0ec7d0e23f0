/** @jsxImportSource hono/jsx */
/**
 * All pieces of the kit's pages on one page, for those who build the next one.
 */
import {
  Age,
  Facts,
  Field,
  Flash,
  Headline,
  KeyText,
  Mark,
  Meter,
  Pagination,
  Section,
  Sparkline,
  Table,
  type Tone,
  describedBy,
} from "../../src/kit/pages/components.tsx";
import { sampleNow } from "./samples-console.ts";

const tones: Tone[] = ["good", "warn", "bad", "busy", "idle"];
const course = Array.from({ length: 60 }, (_, minute) => 40 + 30 * Math.sin(minute / 7) + ((minute * 37) % 11));

/** The page's body. */
export function KitSamples() {
  return (
    <>
      <Headline title="The kit" sentence="Every piece that pages are made of, in one place." />
      <Section title="Marks" note="Shape and word together">
        <Facts of={tones.map((tone) => [tone, <Mark tone={tone} word={`it is ${tone}`} />] as const)} />
      </Section>
      <Section title="Meters">
        {tones.map((tone, position) => (
          <Meter label={`Sample ${tone}`} value={position + 1} max={5} tone={tone} words={`${position + 1} of 5`} />
        ))}
      </Section>
      <Section title="Sparklines" note="Oldest first">
        <Table
          caption="Courses"
          empty="No metric was received yet."
          rows={[
            { name: "requests", values: course, last: "62.1 /s" },
            { name: "errors", values: course.map(() => 0), last: "0 /s" },
            { name: "just begun", values: [3], last: "3" },
          ]}
          columns={[
            { title: "Metric", kind: "main", cell: (row) => row.name },
            { title: "Last hour", cell: (row) => <Sparkline label={`${row.name}, last hour`} values={row.values} /> },
            { title: "Now", kind: "number", cell: (row) => row.last },
          ]}
        />
        <Pagination label="Pages of metrics" older="?page=2" words="1 to 3 of 418" />
      </Section>
      <Section title="Flashes">
        <Flash tone="good">Kept.</Flash>
        <Flash tone="warn">Kept, but the clock of this node runs 4 s ahead of its peers.</Flash>
        <Flash tone="bad">Cannot keep "x": the disk is full.</Flash>
      </Section>
      <Section title="Form">
        <form class="form" method="get">
          <Field name="interval" label="Interval" hint="A number with a unit, such as 30s.">
            <input id="interval" name="interval" value="30s" aria-describedby={describedBy("interval")} />
          </Field>
          <Field name="kind" label="Kind" failure='Cannot keep "gauge": wanted counter or timing'>
            <select id="kind" name="kind" aria-invalid="true" aria-describedby={describedBy("kind")}>
              <option>gauge</option>
              <option>counter</option>
            </select>
          </Field>
          <Field name="note" label="Note">
            <textarea id="note" name="note" rows={3}></textarea>
          </Field>
          <button type="submit">Keep</button>
        </form>
      </Section>
      <Section title="Text">
        <p>
          A paragraph with a <a href="/">link</a>, <code>code</code>, an age (
          <Age at={sampleNow - 4_000_000} now={sampleNow} />
          ) and a key <KeyText text="sha1:a94a8fe5ccb19ba61c4c0873d391e987982fbbd3" short copy />.
        </p>
      </Section>
    </>
  );
}
