export type * from "./api.js";
export { RuntimeError, type RuntimeErrorCode } from "./errors.js";
export {
  SESSION_LIMITS_DEFAULT,
  EGRESS_RULES_MAX,
  LIMIT_NAMES,
  type AppliedLimits,
  type LimitMechanism,
  type LimitName,
  type SessionLimits,
} from "./limits.js";
export type { OutputLog, OutputName, OutputPiece } from "./command/output-log.js";
export { capture, type CapturedResult, type CaptureOptions } from "./exec/capture.js";
export { sandboxPath } from "./files/path.js";
export { openPath, type Exec, type FileInfo, type OpenedPath } from "./files/read.js";
export { newStaging, receive, removeStaging, type Received, type WriteOptions } from "./files/write.js";
export type { Image } from "./image/image.js";
export { Images, type ImagesOptions, type PullOptions } from "./image/images.js";
export type { ImageLimits } from "./image/limits.js";
export type { PullProgress } from "./image/pull.js";
export { ENVIRONMENT_NAME } from "./sandbox/spec.js";
export { checkEgress, isAllowed, type EgressRule } from "./egress/rules.js";
export { checkImport, importRepository, isWorkspaceEmpty, type ImportOptions } from "./import/import.js";
export type { ImportProgress } from "./import/progress.js";
export { IMPORT_HOSTS_DEFAULT } from "./import/source.js";
export { Runtime } from "./runtime.js";
export { probe } from "./doctor/probe.js";
export type { Capability } from "./doctor/capability.js";
