/**
 * What can be configured of Houston, said once. Dashboards stand in files of their own; here is where they lie, where
 * figures are read from, and what the public may see. The predecessor's file is read by its own name for it.
 */
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { choice, count, duration, file, flag, folder, list, secret, text, url } from "../../kit/config/fields.ts";

const fields = {
  source: url({
    summary: "Where figures are read from, a Graphite, Prometheus or VictoriaMetrics.",
    unset: "the store series of this program",
    example: "http://graphite.example",
  }),
  sourceKind: choice(["graphite", "prometheus"], {
    summary: "What `source` speaks; targets are written in its language.",
    default: "graphite",
  }),
  sourceUser: text({ summary: "The user at `source`.", unset: "nobody in particular" }),
  sourcePassword: secret({ summary: "The password at `source`.", unset: "none" }),
  sourceToken: secret({ summary: "A bearer token for `source`; wins over user and password.", unset: "none" }),
  verifyTls: flag({ summary: "Whether the certificate of `source` has to be good.", default: true }),
  timeoutMs: duration({
    summary: "How long the source may take for one answer.",
    default: "30s",
    min: "100ms",
    max: "10m",
  }),
  parallel: count({ summary: "Questions to the source at a time.", default: 8, min: 1, max: 100 }),
  folder: folder({
    summary:
      "Dashboards, one file each (.toml or .json), read again when they change. What is made in the browser is saved here.",
    unset: "`dashboards` in its data folder",
    example: "./dashboards",
  }),
  files: list(file({ example: "/etc/warren/web.toml" }), {
    summary: "More dashboards, in files that are not changed in the browser.",
  }),
  editable: flag({
    summary: "Whether dashboards of `folder` can be changed in the browser, by whoever may write.",
    default: true,
  }),
  original: file({
    summary: "The predecessor's configuration: its page is then shown as a dashboard, from its Graphite.",
    unset: "none",
    example: "/etc/houston.conf",
  }),
  publicStatus: flag({
    summary: "Whether everybody may see the status page and the badges, without a token.",
  }),
  statusChecks: list(text({ example: "shop" }), {
    summary: "The checks of Chimney that the status page and the badges show, in this order. None without any.",
  }),
  statusTitle: text({ summary: "The heading of the status page.", default: "Status" }),
} as const;

/** The options of Houston. */
export type HoustonOptions = OptionsOf<typeof fields>;

/** The section `[houston]`. */
export const houstonSection = section(
  "houston",
  "dashboards: charts of metrics, a status page, and a way to find metrics",
  fields,
  (options) =>
    options.sourceKind === "prometheus" && options.source === undefined
      ? ["source_kind is prometheus, and source does not say where"]
      : [],
);
