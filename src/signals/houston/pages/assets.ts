/**
 * Houston's styles and scripts, which import each other as modules. uPlot is served by this node like everything else.
 */
/* eslint-disable import/default -- what is imported are the texts of files, not what they export */
import uplotStyles from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotText from "uplot/dist/uPlot.iife.min.js" with { type: "text" };

import { type Asset, asset } from "../../../kit/pages/assets.ts";
import { ScriptModules } from "../../../kit/pages/script-modules.ts";
import axesText from "./axes.browser.js" with { type: "text" };
import beatText from "./beat.browser.js" with { type: "text" };
import askingText from "./asking.browser.js" with { type: "text" };
import attributesText from "./attributes.browser.js" with { type: "text" };
import chartText from "./chart.browser.js" with { type: "text" };
import columnsText from "./columns.browser.js" with { type: "text" };
import dashboardText from "./dashboard.browser.js" with { type: "text" };
import exploreText from "./explore.browser.js" with { type: "text" };
import completionText from "./completion.browser.js" with { type: "text" };
import houstonStyles from "./houston.css" with { type: "text" };
import keysText from "./keys.browser.js" with { type: "text" };
import linksText from "./links.browser.js" with { type: "text" };
import linesText from "./lines.browser.js" with { type: "text" };
import numberText from "./number.browser.js" with { type: "text" };
import panelText from "./panel.browser.js" with { type: "text" };
import scaleText from "./scale.browser.js" with { type: "text" };
import timeAxisText from "./time-axis.browser.js" with { type: "text" };
import timeText from "./time.browser.js" with { type: "text" };
import unitsText from "./units.browser.js" with { type: "text" };
import zoneText from "./zone.browser.js" with { type: "text" };

/** Each stands after those it imports. */
const modules = new ScriptModules();
const script = (specifier: string, name: string, text: string) => modules.add(specifier, name, text);

script("uplot", "uplot.js", `${uplotText}\nexport default uPlot;\n`);
script("./zone.browser.js", "houston-zone.js", zoneText);
script("./time-axis.browser.js", "houston-time-axis.js", timeAxisText);
script("./units.browser.js", "houston-units.js", unitsText);
script("./attributes.browser.js", "houston-attributes.js", attributesText);
script("./columns.browser.js", "houston-columns.js", columnsText);
script("./scale.browser.js", "houston-scale.js", scaleText);
script("./lines.browser.js", "houston-lines.js", linesText);
script("./axes.browser.js", "houston-axes.js", axesText);
script("./chart.browser.js", "houston-chart.js", chartText);
script("./number.browser.js", "houston-number.js", numberText);
script("./panel.browser.js", "houston-panel.js", panelText);
script("./asking.browser.js", "houston-asking.js", askingText);
script("./completion.browser.js", "houston-completion.js", completionText);
const time = script("./time.browser.js", "houston-time.js", timeText);
const beat = script("./beat.browser.js", "houston-beat.js", beatText);
const dashboard = script("./dashboard.browser.js", "houston-dashboard.js", dashboardText);
const links = script("./links.browser.js", "houston-links.js", linksText);
const keys = script("./keys.browser.js", "houston-keys.js", keysText);
const explore = script("./explore.browser.js", "houston-explore.js", exploreText);

/** The styles of all pages of Houston. */
export const houstonStyleAsset = asset("houston.css", `${uplotStyles}\n${houstonStyles}`);

/** All that pages load, by way of other files as well. */
export const houstonAssets: readonly Asset[] = [houstonStyleAsset, ...modules.all];

/** What a dashboard links. */
export const dashboardAssets: readonly Asset[] = [houstonStyleAsset, time, beat, dashboard, links, keys];

/** What the explorer links. */
export const exploreAssets: readonly Asset[] = [houstonStyleAsset, time, beat, dashboard, keys, explore];
