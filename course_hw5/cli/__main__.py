from course_hw5.cli.main import main

main()
