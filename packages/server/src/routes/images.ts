import { z } from "@hono/zod-openapi";
import { streamSSE } from "hono/streaming";
import type { Image, PullProgress } from "@chaser/runtime";
import type { Context } from "../context.js";
import { toServerError } from "../errors.js";
import { keepaliveIntervalMs, pullProgressIntervalMs } from "../limits.js";
import { imageSchema, pullImageBody } from "../schemas/image.js";
import { apiRoute, jsonBody } from "./api-route.js";
import type { App } from "./environment.js";

const pull = apiRoute(
  { scope: "workspaces.write", audit: "image.pull" },
  {
    method: "post",
    path: "/v1/images",
    tags: ["images"],
    summary: "Fetch an image, so that what is made of it next need not wait",
    description:
      "With `Accept: text/event-stream` the answer is a stream of events: `progress` (phase, bytes, total_bytes), " +
      "`keepalive`, then `complete` (the image) or `error` ({error}).",
    request: jsonBody(pullImageBody),
    responses: {
      200: {
        description: "the image, or the events of its pull",
        content: {
          "application/json": { schema: imageSchema },
          "text/event-stream": { schema: z.string() },
        },
      },
    },
  },
);

const view = ({ reference, digest, user }: Image): z.infer<typeof imageSchema> => ({
  reference,
  digest,
  user,
});

export function registerImages(app: App, { images, log }: Context): void {
  app.openapi(pull, async (c) => {
    const { image } = c.req.valid("json");
    const { signal } = c.req.raw;
    if (!(c.req.header("Accept") ?? "").includes("text/event-stream")) {
      const pulled = await images.pull(image, { signal });
      c.set("auditTarget", pulled.digest);
      return c.json(view(pulled), 200);
    }
    const requestId = c.get("requestId");
    c.header("X-Accel-Buffering", "no");
    return streamSSE(c, async (stream) => {
      const send = (event: string, data: unknown): Promise<void> =>
        stream.writeSSE({ event, data: JSON.stringify(data) });
      let shown: PullProgress | null = null;
      const onProgress = (progress: PullProgress): void => void (shown = progress);
      const reporter = setInterval(() => {
        if (shown === null) return;
        const { phase, bytes, totalBytes } = shown;
        shown = null;
        void send("progress", { phase, bytes, total_bytes: totalBytes });
      }, pullProgressIntervalMs);
      const keepalive = setInterval(() => void send("keepalive", {}), keepaliveIntervalMs);
      try {
        await send("complete", view(await images.pull(image, { signal, onProgress })));
      } catch (error) {
        const answer = toServerError(error);
        if (answer.status >= 500) log.error("image_pull", error, { request_id: requestId });
        await send("error", answer.body(requestId));
      } finally {
        clearInterval(reporter);
        clearInterval(keepalive);
      }
    });
  });
}
