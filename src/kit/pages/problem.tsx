/** @jsxImportSource hono/jsx */
/**
 * The page for what went wrong: what happened in the Fault's own words, what may be done, and the two names under which
 * it is found in the log. Only the public message is shown.
 */
import type { Fault, FaultKind } from "../fault.ts";
import { Facts, Headline, Section } from "./components.tsx";
import { formatSpan } from "./quantity.ts";

const titles: Record<FaultKind, string> = {
  invalid: "That cannot be understood",
  unauthorized: "Sign in first",
  forbidden: "Not allowed",
  missing: "Not here",
  conflict: "That contradicts what is there",
  "too-large": "Too large",
  limited: "Too often",
  internal: "Something went wrong inside",
  unavailable: "Not available now",
  timeout: "It took too long",
};

const advice: Record<FaultKind, string> = {
  invalid: "Correct what was sent and try again.",
  unauthorized: "Sign in with a token that may read here.",
  forbidden: "Ask whoever runs this node for a token that may do this.",
  missing: "Check the address, or go to the console and start from there.",
  conflict: "Look at what is there now, then decide again.",
  "too-large": "Send less, or have the limit raised in the configuration.",
  limited: "Wait a little before the next attempt.",
  internal: "Nothing that was stored is lost. The log of this node has the details under the request named below.",
  unavailable: "Try again in a moment. If it stays so, the console tells what is missing.",
  timeout: "Try again. If it happens often, the console tells which part is slow.",
};

/** The page's title for a fault. */
export function problemTitle(fault: Fault): string {
  return titles[fault.kind];
}

/** The page's body for a fault. */
export function ProblemBody(props: { fault: Fault; path: string; requestId: string | undefined }) {
  const { fault } = props;
  return (
    <>
      <Headline
        title={problemTitle(fault)}
        tone={fault.status >= 500 ? "bad" : "warn"}
        sentence={`${fault.message}.`}
      />
      <Section title="What to do">
        <p>{advice[fault.kind]}</p>
        {fault.retryAfterMs === undefined ? null : <p>Try again in {formatSpan(fault.retryAfterMs)}.</p>}
        <p>
          <a href="/">Go to the console</a>
        </p>
      </Section>
      <Section title="For the log">
        <Facts
          of={[
            ["Status", String(fault.status)],
            ["Code", <code>{fault.code}</code>],
            ["Address", <code>{props.path}</code>],
            ...(props.requestId === undefined ? [] : [["Request", <code>{props.requestId}</code>] as const]),
          ]}
        />
      </Section>
    </>
  );
}
