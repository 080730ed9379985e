import { z } from "@hono/zod-openapi";
import type { Image, PullProgress } from "@chaser/runtime";
import type { Context } from "../context.js";
import { pullProgressIntervalMs } from "../limits.js";
import { imageSchema, pullImageBody } from "../schemas/image.js";
import { apiRoute, jsonBody } from "./api-route.js";
import type { App } from "./environment.js";
import { answerEvents, wantsEvents } from "./event-stream.js";

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
    const owner = c.get("principal").account.id;
    if (!wantsEvents(c)) {
      const pulled = await images.pull(image, { owner, signal: c.req.raw.signal });
      c.set("auditTarget", pulled.digest);
      return c.json(view(pulled), 200);
    }
    return answerEvents(c, log, async ({ send, gone }) => {
      let shown: PullProgress | null = null;
      const onProgress = (progress: PullProgress): void => void (shown = progress);
      const reporter = setInterval(() => {
        if (shown === null) return;
        const { phase, bytes, totalBytes } = shown;
        shown = null;
        void send("progress", { phase, bytes, total_bytes: totalBytes });
      }, pullProgressIntervalMs);
      try {
        await send("complete", view(await images.pull(image, { owner, signal: gone, onProgress })));
      } finally {
        clearInterval(reporter);
      }
    });
  });
}
