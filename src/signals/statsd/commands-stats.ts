/** `warren stats`: one metric to a statsd, from a shell script, without waiting for anything. */
import { type Command, Option } from "commander";

import { parseAddress } from "../../kit/config/address.ts";
import { Fault } from "../../kit/fault.ts";
import { plainText } from "../../kit/terminal/plain-text.ts";
import { formatMetric, kindLetters, type MetricKind, sendPacket } from "./client.ts";

/** Adds `count`, `time`, `gauge` and `set` below the command `stats`. */
export function addStatsVerbs(stats: Command): void {
  for (const kind of Object.keys(kindLetters) as MetricKind[]) {
    const words: Record<MetricKind, string> = {
      count: "add to a counter (1 unless told)",
      time: "say how long something took, in milliseconds",
      gauge: "set a gauge, or change it by +3 or -3",
      set: "say that a set has a member",
    };
    const command = stats
      .command(kind)
      .description(words[kind])
      .argument("<name>")
      .argument(kind === "count" ? "[value]" : "<value>")
      .addOption(new Option("--to <address>", "where the statsd is").env("WARREN_STATSD_TO").default("127.0.0.1:8125"))
      .option("--rate <share>", "the share of all that is sent, such as 0.1")
      .option("--tag <name:value...>", "tags")
      // A value such as -3 is none of our flags.
      .allowUnknownOption();
    command.action(async () => {
      const { to, rate, tag } = command.opts<{ to: string; rate?: string; tag?: string[] }>();
      const [name = "", value = "1"] = command.args;
      try {
        if (rate !== undefined && !(Number(rate) > 0 && Number(rate) <= 1))
          throw new Fault(
            "invalid",
            "statsd/rate",
            `Cannot send "${name}": --rate is ${JSON.stringify(rate)}, wanted a number above 0 and at most 1`,
          );
        const line = formatMetric({
          kind,
          name,
          value,
          ...(rate === undefined ? {} : { rate: Number(rate) }),
          ...(tag === undefined ? {} : { tags: tag }),
        });
        await sendPacket(line, parseAddress(to));
      } catch (thrown) {
        if (!(thrown instanceof Fault || thrown instanceof SyntaxError)) throw thrown;
        process.stderr.write(`${plainText(thrown.message)}\n`);
        process.exitCode = 1;
      }
    });
  }
}
