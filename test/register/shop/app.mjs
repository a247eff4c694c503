import http from "node:http";
import * as api from "@opentelemetry/api";
import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { experimentFetch } from "otel-experiments/fetch";
import pino from "pino";
import { openShop } from "./shop.cjs";

openShop({ api, createExperiments, experimentFetch, express, expressExperiments, http, pino });
