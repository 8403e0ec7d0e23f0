/** @jsxImportSource hono/jsx */
/**
 * The form that makes this node reach others by their gossip addresses. Fields `url` and `secret`, as the original had.
 */
import { Field, Flash, Headline, Section, describedBy } from "../../../kit/pages/components.tsx";
import { countOf } from "../../../kit/pages/quantity.ts";
import { type JoinView, caskPaths } from "./view.ts";

/** The page's body. */
export function Join(view: JoinView) {
  const { outcome } = view;
  return (
    <>
      <Headline title="Join" sentence={`This node knows ${countOf(view.known, "node")}, itself included.`} />
      <Section title="Other nodes" note="Once joined, they find each other again by themselves">
        {outcome === undefined ? null : outcome.kind === "joined" ? (
          <Flash tone={outcome.answered > 0 ? "good" : "warn"}>
            {outcome.answered > 0
              ? `${countOf(outcome.answered, "node")} answered.`
              : "None of them answered; this node goes on trying."}
          </Flash>
        ) : (
          <Flash tone="bad">{outcome.reason}</Flash>
        )}
        <form class="form" method="post" action={`${view.mountPath}${caskPaths.join}`}>
          <Field
            name="url"
            label="Gossip addresses"
            hint={
              <>
                Host and port, several parted by commas: <code>10.0.0.12:7946</code>
              </>
            }
          >
            <input
              id="url"
              name="url"
              value={view.url}
              required
              autocomplete="off"
              autocapitalize="none"
              aria-describedby={describedBy("url")}
            />
          </Field>
          <Field
            name="secret"
            label="Secret of the cluster"
            hint={
              view.secretWanted ? "As the configuration of this node names it." : "This node has none; leave it empty."
            }
          >
            <input
              id="secret"
              name="secret"
              type="password"
              required={view.secretWanted}
              autocomplete="off"
              aria-describedby={describedBy("secret")}
            />
          </Field>
          <button type="submit">Join</button>
        </form>
      </Section>
    </>
  );
}
