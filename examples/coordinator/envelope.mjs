// The answer of a coordinator that tries services in order of rank until one
// of them serves the request.

import { randomUUID } from 'node:crypto';

/**
 * Builds a RouteResponse.
 *
 * request   the RouteRequest that is answered
 * attempts  the services tried, best first: { service, data } answered, and
 *           { service, error } or { service, rejectReason } did not. What
 *           `beside` holds is put next to the data of an answer.
 */
export function cascade(request, attempts, durationMs = 1) {
  const routing = {
    attempts: attempts.map((attempt, i) => ranked(attempt, i + 1, durationMs)),
    now: new Date().toISOString(),
    requestId: randomUUID(),
    time: `${durationMs}ms`,
  };
  routing.winner = routing.attempts.find((attempt) => attempt.success);
  routing.stoppedReason =
    routing.winner ? 'found_good_response' : 'exhausted_candidates';
  return {
    target_services: attempts.map((attempt) => attempt.service),
    normalized_fields: normalizedFields(request, routing),
    envelope_json: JSON.stringify(envelope(request, routing), null, 2),
    routing_metadata: JSON.stringify(routingMetadata(routing, durationMs),
      null, 2),
  };
}

function ranked(attempt, rank, duration) {
  const success = !attempt.error && !attempt.rejectReason;
  return {
    ...attempt,
    rank,
    success,
    duration,
    confidence: rank === 1 ? 0.8 : 0.5,
    quality: success ? 0.7 : 0,
    reasoning: 'Keyword matching: service name match',
  };
}

function normalizedFields(request, { attempts, winner, ...routing }) {
  return {
    version: '1.0',
    timestamp: routing.now,
    request_id: routing.requestId,
    tenant_id: request.tenant_id,
    user_id: request.user_id,
    source: 'coordinator',
    query: request.query_text,
    metadata_count: String(Object.keys(request.metadata).length),
    context_count: '3',
    successful_service: winner?.service ?? 'none',
    rank_used: String(winner?.rank ?? 0),
    total_attempts: String(attempts.length),
    primary_target: attempts[0].service,
    primary_confidence: String(attempts[0].confidence),
    stopped_reason: routing.stoppedReason,
    quality_score: String(winner?.quality ?? 0),
    total_time: routing.time,
    processing_time: routing.time,
  };
}

function envelope(request, { attempts, winner, ...routing }) {
  return {
    request: {
      tenant_id: request.tenant_id,
      user_id: request.user_id,
      query_text: request.query_text,
    },
    aiRanking: attempts.map((attempt) => ({
      serviceName: attempt.service,
      endpoint: `http://${attempt.service}.internal`,
      confidence: attempt.confidence,
      reasoning: attempt.reasoning,
    })),
    cascadeAttempts: attempts.map((attempt) => ({
      rank: attempt.rank,
      serviceName: attempt.service,
      confidence: attempt.confidence,
      success: attempt.success,
      quality: attempt.quality,
      duration: attempt.duration,
      error: attempt.error ?? null,
      rejectReason: attempt.rejectReason ?? null,
    })),
    successfulResult: winner ? successfulResult(winner) : null,
    metadata: {
      total_attempts: attempts.length,
      stopped_reason: routing.stoppedReason,
      total_time: routing.time,
      processing_time: routing.time,
    },
    original_envelope: originalEnvelope(request, routing),
  };
}

function successfulResult(winner) {
  return {
    serviceName: winner.service,
    rank: winner.rank,
    confidence: winner.confidence,
    quality: winner.quality,
    duration: winner.duration,
    protocol: 'http',
    reasoning: winner.reasoning,
    data: winner.data,
    ...winner.beside,
  };
}

function originalEnvelope(request, { now, requestId }) {
  return {
    version: '1.0',
    timestamp: now,
    request_id: requestId,
    tenant_id: request.tenant_id,
    user_id: request.user_id,
    source: 'coordinator',
    payload: {
      query: request.query_text,
      metadata: request.metadata,
      context: { source: 'rag', protocol: 'grpc', timestamp: now },
    },
  };
}

function routingMetadata({ attempts, winner, ...routing }, durationMs) {
  return {
    routing_strategy: 'cascading_fallback',
    ai_ranking: attempts.map((attempt) => ({
      name: attempt.service,
      confidence: attempt.confidence,
      reasoning: attempt.reasoning,
    })),
    execution: {
      total_attempts: attempts.length,
      successful_rank: winner?.rank ?? null,
      stopped_reason: routing.stoppedReason,
      successful_service: winner?.service ?? null,
    },
    performance: {
      cascade_time: routing.time,
      total_duration_ms: durationMs,
    },
    all_attempts: attempts.map((attempt) => ({
      rank: attempt.rank,
      service: attempt.service,
      success: attempt.success,
      quality: attempt.quality,
      duration: attempt.duration,
      reject_reason: attempt.rejectReason ?? null,
      error: attempt.error ?? null,
    })),
    ai_routing: {
      method: 'fallback',
      processingTime: '0ms',
      strategy: 'single',
      totalCandidates: attempts.length,
    },
  };
}
