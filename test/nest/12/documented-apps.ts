import type { INestApplication, Type } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { experiments } from "../../system/docs/shop-experiments.ts";

export async function onExpress(AppModule: Type): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule);
  app.use(expressExperiments(experiments));
  await app.listen(process.env["PORT"] ?? 8080);
  return app;
}

export async function onFastify(AppModule: Type): Promise<INestApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter());
  await app.register(fastifyExperiments, { experiments });
  await app.listen(process.env["PORT"] ?? 8080);
  return app;
}
