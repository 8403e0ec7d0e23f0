/** @jsxImportSource hono/jsx */
/**
 * The page behind an address in a mail. Opening it does nothing: mail programs and scanners open addresses by
 * themselves. The button does what the address says, once.
 */
import { Facts, Headline, Mark, Section, type Tone } from "../../../kit/pages/components.tsx";
import { formatSpan } from "../../../kit/pages/quantity.ts";
import { comparisonOf, muteWord, toneOfState } from "./states.tsx";
import { type ActView, alertPath, titleOf } from "./view.ts";

function deedOf({ action }: ActView): string {
  return action?.do === "silence" ? `Silence for ${formatSpan(action.forMs)}` : "Acknowledge";
}

function verdictOf(view: ActView): { title: string; tone: Tone; sentence: string } {
  const deed = deedOf(view);
  const isSilence = view.action?.do === "silence";
  switch (view.state) {
    case "asks":
      return {
        title: deed,
        tone: "idle",
        sentence: isSilence
          ? "It is still judged and shown, but not told for that time."
          : "It is not told again until it is OK.",
      };
    case "done":
      return {
        title: isSilence ? "Silenced" : "Acknowledged",
        tone: "good",
        sentence: isSilence
          ? `Not told for ${formatSpan(view.action?.do === "silence" ? view.action.forMs : 0)}.`
          : "Not told again until it is OK.",
      };
    case "spent":
      return { title: deed, tone: "idle", sentence: "This was done already: each address in a mail works once." };
    case "expired":
      return {
        title: deed,
        tone: "warn",
        sentence: "This address is too old. A newer mail, or the page of the rule, has another.",
      };
    case "gone":
      return { title: deed, tone: "warn", sentence: "There is no such rule any more." };
    case "calm":
      return { title: deed, tone: "good", sentence: "It does not fail any more: there is nothing to acknowledge." };
    case "anew":
      return {
        title: deed,
        tone: "warn",
        sentence:
          "It was OK and has failed anew since that mail: a newer mail, or the page of the rule, acknowledges it.",
      };
    case "worse":
      return {
        title: deed,
        tone: "warn",
        sentence: "It has become critical since that mail: a newer mail, or the page of the rule, acknowledges it.",
      };
    case "wrong":
      return {
        title: "Not an address of ours",
        tone: "bad",
        sentence: "It was changed or cut on its way. Look whether the whole line of the mail was taken.",
      };
  }
}

/** The page. */
export function Act(view: ActView) {
  const verdict = verdictOf(view);
  const { mountPath, standing, word } = view;
  const mute = standing && muteWord(standing);
  return (
    <>
      <Headline {...verdict} />
      {standing === undefined ? null : (
        <Section title="Rule">
          <Facts
            of={[
              ["Name", <a href={`${mountPath}${alertPath(standing.id)}`}>{titleOf(standing)}</a>],
              ["State", <Mark {...toneOfState(standing.state, standing.grade)} note={standing.message} />],
              ["Value and threshold", comparisonOf(standing)],
              ["Since", formatSpan(view.now - standing.sinceAt)],
              ...(mute === undefined ? [] : [["Not told, because", mute] as const]),
            ]}
          />
          {view.state === "asks" ? (
            <form class="form" method="post" action={`${mountPath}/act/${word}`}>
              <button type="submit">{deedOf(view)}</button>
            </form>
          ) : null}
        </Section>
      )}
    </>
  );
}
