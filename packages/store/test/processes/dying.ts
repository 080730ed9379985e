/** A process that does one operation of the simulation on a real disk, and kills itself at a change of it. */
import { perform, scenarios } from "../simulation/scenarios.js";
import { dyingFiles } from "./dying-files.js";

const [place, name, at] = process.argv.slice(2) as [string, string, string];
const scenario = scenarios.find((one) => one.name === name);
if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
perform(dyingFiles(place, Number(at)), scenario);
