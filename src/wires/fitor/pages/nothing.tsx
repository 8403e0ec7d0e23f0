/** @jsxImportSource hono/jsx */
/** The page where no network is configured: what to write to have one. */
import { Headline, Section } from "../../../kit/pages/components.tsx";

const example = `[fitor]
server = "irc.libera.example"
port = 6697
tls = true
nick = "burrow"
channel = "#our-room"

# and more, if there are more:
[[fitor.networks]]
name = "other"
server = "irc.other.example"
channels = ["#one", "#two"]`;

/** The page. */
export function Nothing() {
  return (
    <>
      <Headline
        title="Fitor"
        tone="idle"
        sentence="No IRC network is configured, so nothing is connected to and nothing is used."
      />
      <Section title="To begin">
        <p>
          Say in <code>warren.toml</code> which server and channel, and start again:
        </p>
        <pre class="fitor-example">{example}</pre>
        <p>
          What is said there can then be read and answered here; with a broker, in every browser that listens to it,
          too.
        </p>
      </Section>
    </>
  );
}
