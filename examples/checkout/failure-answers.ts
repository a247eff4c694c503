// What each framework answers where a request fails.
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Middleware } from "koa";
import { failureOf } from "./failure.ts";

/** To be used before what may fail. */
export const answerKoaFailure: Middleware = async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    const failure = failureOf(error);
    ctx.status = failure.status;
    ctx.body = failure.body;
  }
};

/** For `setErrorHandler`. */
export function answerFastifyFailure(error: unknown, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const failure = failureOf(error);
  return reply.code(failure.status).send(failure.body);
}
