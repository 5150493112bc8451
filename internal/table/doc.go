// Package table reads tables of text fast: CSV records, dictionaries of distinct values, numbers.
package table
