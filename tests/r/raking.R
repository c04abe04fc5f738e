# Weights of raked groups, made anew with R `survey`.
#
#   Rscript raking.R <folder with the tables> <folder to write to>
#
# Tables: respondents (respondent_key, wave_id, respondent_group, and one column a margin) and
# margins (wave_id, respondent_group, margin, margin_value, population_units).
# Writes weights.csv: respondent_key and weight, with mean 1 per wave and group.

suppressMessages(library(survey))

folders <- commandArgs(trailingOnly = TRUE)
read_table <- function(name) {
  read.csv(file.path(folders[1], paste0(name, ".csv")), colClasses = "character")
}
respondents <- read_table("respondents")
margins <- read_table("margins")
margins$population_units <- as.numeric(margins$population_units)

raked_weights <- function(rows) {
  here <- margins[
    margins$wave_id == rows$wave_id[1] & margins$respondent_group == rows$respondent_group[1],
  ]
  names <- unique(here$margin)
  # each margin as shares of what was observed, so that all add up to the same total
  targets <- lapply(names, function(name) {
    target <- here[here$margin == name & here$margin_value %in% rows[[name]], ]
    share <- target$population_units / sum(target$population_units)
    setNames(data.frame(target$margin_value, nrow(rows) * share), c(name, "Freq"))
  })
  design <- svydesign(id = ~1, weights = rep(1, nrow(rows)), data = rows)
  raked <- rake(design, lapply(names, reformulate), targets, control = list(maxit = 1000, epsilon = 1e-10))
  data.frame(respondent_key = rows$respondent_key, weight = sprintf("%.17g", weights(raked)))
}

groups <- split(respondents, respondents[c("wave_id", "respondent_group")], drop = TRUE)
weights_of_all <- do.call(rbind, lapply(groups, raked_weights))
write.csv(weights_of_all, file.path(folders[2], "weights.csv"), row.names = FALSE)
