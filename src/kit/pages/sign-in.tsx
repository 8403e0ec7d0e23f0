/** @jsxImportSource hono/jsx */
/**
 * The page that asks for a token. A plain form: it posts `token` and `to` to `/sign-in` and needs no script.
 * Whoever answers the post must follow `to` only when it is a path of this node.
 */
import { Field, Flash, Headline, Section, describedBy } from "./components.tsx";

/** What the page shows. */
export interface SignInView {
  /** The path to go to afterwards. */
  to: string;
  /** Why the last attempt failed, as a sentence. */
  failure?: string;
  /** Where the form posts. @default "/sign-in" */
  action?: string;
}

/** The page's body. */
export function SignInBody(view: SignInView) {
  return (
    <>
      <Headline title="Sign in" sentence="This node answers only to those who show a token." />
      <Section title="Token" note="Made on the node with warren token">
        {view.failure === undefined ? null : <Flash tone="bad">{view.failure}</Flash>}
        <form class="form" method="post" action={view.action ?? "/sign-in"}>
          <input type="hidden" name="to" value={view.to} />
          <Field name="token" label="Token" hint="It is kept in a cookie of this browser until you sign out.">
            <input
              id="token"
              name="token"
              type="password"
              required
              autofocus
              autocomplete="current-password"
              aria-describedby={describedBy("token")}
            />
          </Field>
          <button type="submit">Sign in</button>
        </form>
      </Section>
    </>
  );
}
