# The estimates of a warehouse, made anew with R `survey` from its microdata.
#
#   Rscript example_estimates.R <folder with the tables> <folder to write to>
#
# Tables (csv, as test_r_recomputes.py exports them):
#   questions    respondent_group, indicator_code, unit_of_count, scale_kind, endorsed_codes,
#                dont_know_rule, option_value (the option whose share is taken), design, is_matched
#   members      wave_id, respondent_group, unit_of_count, respondent_key, unit_id, stratum, psu_id,
#                unit_weight, population_psus (empty: without end): all kept respondents
#   breakdowns   respondent_key, breakdown, breakdown_value
#   answers      respondent_key, indicator_code, answer_value, score, is_dont_know: all that enter a
#                denominator
#
# Writes estimates.csv (every wave, question, measure and breakdown value), changes.csv (the last
# wave against the one before) and poststratified.csv (errors with the weights taken as fixed, as in
# estimates.csv, and with post-stratification taken into account).

suppressMessages(library(survey))
options(survey.lonely.psu = "adjust")

folders <- commandArgs(trailingOnly = TRUE)
read_table <- function(name) {
  table <- read.csv(file.path(folders[1], paste0(name, ".csv")), colClasses = "character")
  numbers <- intersect(names(table), c("unit_weight", "population_psus", "score"))
  table[numbers] <- lapply(table[numbers], as.numeric)
  table
}
write_table <- function(rows, name) {
  table <- do.call(rbind, rows)
  table[] <- lapply(table, function(x) if (is.numeric(x)) sprintf("%.17g", x) else x)
  write.csv(table, file.path(folders[2], paste0(name, ".csv")), row.names = FALSE, na = "")
}

questions <- read_table("questions")
members <- read_table("members")
members$population_psus[is.na(members$population_psus)] <- Inf
breakdowns <- read_table("breakdowns")
answers <- split(read_table("answers"), ~indicator_code)
waves <- sort(unique(members$wave_id))

design_of <- function(rows) {
  svydesign(
    id = ~psu_id, strata = ~stratum, weights = ~weight, fpc = ~population_psus, data = rows,
    nest = TRUE
  )
}

# Value of every answer in a measure, NA outside its denominator.
value_of <- function(rows, question, measure) {
  codes <- strsplit(question$endorsed_codes, "|", fixed = TRUE)[[1]]
  is_endorsed <- if (question$scale_kind == "numeric") {
    rows$score >= min(as.numeric(codes))
  } else {
    rows$answer_value %in% codes
  }
  value <- switch(measure,
    share_endorsed = as.numeric(is_endorsed & !rows$is_dont_know),
    mean = rows$score,
    share_dont_know = as.numeric(rows$is_dont_know),
    share_option = as.numeric(rows$answer_value == question$option_value)
  )
  counts_dont_know <- measure == "share_dont_know" ||
    (measure == "share_endorsed" && question$dont_know_rule == "count_as_negative")
  if (!counts_dont_know) value[which(rows$is_dont_know)] <- NA
  value
}

# All kept respondents of a wave with their value and weight. Respondents of a unit that is counted
# share its weight, so that the unit's value is their mean.
respondents_of <- function(wave, question, measure) {
  rows <- members[
    members$wave_id == wave & members$respondent_group == question$respondent_group &
      members$unit_of_count == question$unit_of_count,
  ]
  given <- answers[[question$indicator_code]]
  given <- given[match(rows$respondent_key, given$respondent_key), ]
  rows <- cbind(rows, given[c("answer_value", "score", "is_dont_know")])
  rows$is_dont_know <- rows$is_dont_know == "true"
  rows$value <- value_of(rows, question, measure)
  rows$value[is.na(rows$is_dont_know)] <- NA
  rows$weight <- rows$unit_weight
  if (question$unit_of_count != "respondent") {
    sharing <- ave(as.numeric(!is.na(rows$value)), rows$unit_id, FUN = sum)
    rows$weight <- rows$unit_weight / pmax(sharing, 1)
  }
  rows
}

# The same with one row a unit: for totals, where a unit is in the domain as a whole.
units_of <- function(rows) {
  rows$value <- ave(rows$value, rows$unit_id, FUN = function(x) mean(x, na.rm = TRUE))
  rows$weight <- rows$unit_weight
  rows[!duplicated(rows$unit_id), ]
}

# A design as the methods take it: (nearly) full groups count the PSUs that answered, samples all.
full_design <- function(rows, question) {
  is_near_census <- question$design %in% c("census", "near_census")
  design_of(if (is_near_census) rows[!is.na(rows$value), ] else rows)
}

describe <- function(selected, is_share) {
  # against a simple random sample of as many, drawn with replacement
  mean <- svymean(~value, selected, deff = "replace")
  estimate <- as.numeric(coef(mean))
  se <- as.numeric(SE(mean))
  df <- degf(selected)
  limits <- c(NA, NA)
  if (df > 0 && is.finite(se) && !is_share) {
    limits <- confint(mean, df = df)
  } else if (df > 0 && is.finite(se) && se > 1e-9 && estimate > 0 && estimate < 1) {
    limits <- attr(svyciprop(~value, selected, method = "logit"), "ci")
  }
  data.frame(
    df = df, mean = estimate, se = se, lower = limits[1], upper = limits[2],
    deff = as.numeric(deff(mean)), row.names = NULL
  )
}

# Linearised PSU totals of a mean, over all PSUs of the design: 0 where nobody is in the domain.
linearised <- function(design, is_in_domain) {
  rows <- design$variables
  weight <- ifelse(is_in_domain, rows$weight, 0)
  value <- ifelse(is_in_domain, rows$value, 0)
  mean <- sum(weight * value) / sum(weight)
  psu <- paste(rows$stratum, rows$psu_id, sep = "|")
  first <- which(!duplicated(psu))
  z <- rowsum(weight * (value - mean) / sum(weight), psu)
  data.frame(
    stratum = rows$stratum[first], psu = psu[first], z = z[psu[first], 1],
    is_in_domain = rowsum(as.numeric(is_in_domain), psu)[psu[first], 1] > 0,
    population_psus = rows$population_psus[first]
  )
}

# What two estimates share by the units that both waves hold. Covariance: per stratum
# (n12 - n1 n2 / N) times the sample covariance of their totals, none of fewer than two units.
# Degrees of freedom: a unit in the domain in both waves is counted once.
shared_by <- function(earlier, later) {
  both <- merge(earlier, later, by = c("stratum", "psu"), suffixes = c("_1", "_2"))
  covariance <- df <- 0
  for (shared in split(both, both$stratum)) {
    n12 <- nrow(shared)
    if (n12 < 2) next
    n1 <- sum(earlier$stratum == shared$stratum[1])
    n2 <- sum(later$stratum == shared$stratum[1])
    population <- min(shared$population_psus_1, shared$population_psus_2)
    covariance <- covariance + (n12 - n1 * n2 / population) * cov(shared$z_1, shared$z_2)
    df <- df + max(sum(shared$is_in_domain_1 & shared$is_in_domain_2) - 1, 0)
  }
  c(covariance = covariance, df = df)
}

# Breakdown values of a group in a wave, each with the respondents it holds.
domains_of <- function(rows) {
  of_group <- breakdowns[breakdowns$respondent_key %in% rows$respondent_key, ]
  split(of_group$respondent_key, of_group[c("breakdown", "breakdown_value")], drop = TRUE, sep = "|")
}

estimates <- changes <- poststratified <- list()
for (number in seq_len(nrow(questions))) {
  question <- questions[number, ]
  measures <- c("share_endorsed", if (question$scale_kind != "nominal") "mean", "share_dont_know", "share_option")
  for (measure in measures) {
    is_share <- measure != "mean"
    by_wave <- lapply(waves, function(wave) {
      rows <- respondents_of(wave, question, measure)
      list(rows = rows, design = full_design(rows, question), domains = domains_of(rows))
    })
    for (domain in unique(unlist(lapply(by_wave, function(wave) names(wave$domains))))) {
      parts <- strsplit(domain, "|", fixed = TRUE)[[1]]
      if (measure %in% c("share_dont_know", "share_option") && !parts[1] %in% c("total", "sector")) next
      keys <- data.frame(
        respondent_group = question$respondent_group, indicator_code = question$indicator_code,
        breakdown = parts[1], breakdown_value = parts[2], measure = measure
      )
      described <- totals <- vector("list", length(waves))
      for (wave in seq_along(waves)) {
        this <- by_wave[[wave]]
        rows <- this$design$variables
        is_in_domain <- !is.na(rows$value) & rows$respondent_key %in% this$domains[[domain]]
        if (!any(is_in_domain)) next
        selected <- this$design[which(is_in_domain), ]
        if (question$unit_of_count != "respondent" && parts[1] == "total") {
          whole <- full_design(units_of(this$rows), question)
          described[[wave]] <- describe(whole[which(!is.na(whole$variables$value)), ], is_share)
        } else {
          described[[wave]] <- describe(selected, is_share)
          # of units that are counted, it is that of whole units
          if (question$unit_of_count != "respondent") described[[wave]]$deff <- NA
        }
        estimates[[length(estimates) + 1]] <- cbind(
          data.frame(wave_id = waves[wave]), keys,
          data.frame(n = sum(is_in_domain)), described[[wave]]
        )
        totals[[wave]] <- linearised(this$design, is_in_domain)
        if (measure == "share_endorsed" && parts[1] == "total") {
          # the weights add up to the population already, up to a factor: they stay as they are
          known <- aggregate(list(Freq = rows$weight), rows["stratum"], sum)
          adjusted <- postStratify(this$design, ~stratum, known)
          adjusted$variables$value[!is_in_domain] <- 0
          poststratified[[length(poststratified) + 1]] <- cbind(
            data.frame(wave_id = waves[wave]), keys,
            data.frame(
              se_fixed = as.numeric(SE(svymean(~value, selected))),
              se_poststratified = as.numeric(SE(svymean(~value, adjusted[which(is_in_domain), ])))
            )
          )
        }
      }
      if (any(vapply(described, is.null, TRUE))) next
      shared <- c(covariance = 0, df = 0)
      if (question$is_matched == "true") shared <- shared_by(totals[[1]], totals[[2]])
      change <- described[[2]]$mean - described[[1]]$mean
      se <- sqrt(described[[1]]$se^2 + described[[2]]$se^2 - 2 * shared[["covariance"]])
      df <- described[[1]]$df + described[[2]]$df - shared[["df"]]
      changes[[length(changes) + 1]] <- cbind(
        data.frame(baseline_wave_id = waves[1], wave_id = waves[2]), keys,
        data.frame(
          change = change, se = se, df = df, covariance = shared[["covariance"]],
          min_df = min(described[[1]]$df, described[[2]]$df),
          min_se = min(described[[1]]$se, described[[2]]$se),
          half_width = qt(0.975, max(df, 1)) * se, p = 2 * pt(-abs(change / se), df)
        )
      )
    }
  }
}
write_table(estimates, "estimates")
write_table(changes, "changes")
write_table(poststratified, "poststratified")
